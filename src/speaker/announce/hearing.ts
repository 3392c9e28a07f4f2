/** Separates the claims of other hosts from this node's own frames, which come back on another link of the same segment. */
import type { Link } from '../../linux/links.ts';
import type { HeardClaim } from '../../linux/worker/responder-messages.ts';
import { Emitter } from '../../runtime/emitter.ts';

/** Passes on what other hosts claim. */
export class Hearing {
  /** Another host answers for an address, or uses it as its own. */
  readonly heard = new Emitter<[claim: HeardClaim]>();
  #own: ReadonlySet<string> = new Set();

  /** Sets all links of this node, also those that announce nothing. */
  observe(links: readonly Pick<Link, 'mac'>[]): void {
    this.#own = new Set(links.map(({ mac }) => mac));
  }

  /** A frame that arrived on a link of this node claims an address. */
  take = (claim: HeardClaim): void => {
    if (!this.#own.has(claim.mac)) this.heard.emit(claim);
  };
}
