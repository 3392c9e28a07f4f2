/** Who held each VIP before, so that connections from then can be handed on: see `second-chance.ts`. */
import type { Ip } from '../../addr/ip.ts';
import type { Chances } from '../rules/second-chance.ts';
import type { Neighbor } from './neighbor.ts';

/** Who holds a VIP now. */
export interface Held {
  readonly uid: string;
  readonly vip: Ip;
  readonly holder: string | undefined;
}

/** What is known of the other nodes now. */
export interface Neighbors {
  readonly self: string;
  /** How this node reaches another one on the link that a VIP is on; undefined where it does not. */
  readonly neighborFor: (node: string, vip: Ip) => Neighbor | undefined;
  /** Milliseconds on a clock that never goes back. */
  readonly now: number;
}

/** No connection is handed on for longer after its VIP has moved. Milliseconds. */
const chanceMs = 3_600_000;

interface Former {
  readonly node: string;
  readonly at: number;
}

/** Remembers the last holder of each VIP that was another node. */
export class FormerHolders {
  #former: ReadonlyMap<string, Former> = new Map();

  /** Takes in who holds what, and says who gets what this node does not know. */
  observe(held: readonly Held[], { self, neighborFor, now }: Neighbors): Chances {
    const former = new Map<string, Former>();
    const chances: Chances['chances'][number][] = [];
    for (const { uid, vip, holder } of held) {
      const other = holder !== undefined && holder !== self ? { node: holder, at: now } : this.#former.get(uid);
      if (other === undefined || now - other.at > chanceMs) continue;
      former.set(uid, other);
      const to = neighborFor(other.node, vip);
      if (to === undefined) continue;
      chances.push({ vip, to });
    }
    this.#former = former;
    return { chances };
  }
}
