/**
 * Remembers which node held each VIP before, so that packets of older connections are handed on to it: see
 * `second-chance.ts`.
 */
import type { Ip } from '../../addr/ip.ts';
import type { Neighbor } from './neighbor.ts';
import type { Chances } from './spec.ts';

/** The present holder of a VIP. */
interface Held {
  readonly uid: string;
  readonly vip: Ip;
  readonly holder: string | undefined;
}

/** The facts about the other nodes. */
export interface Neighbors {
  readonly self: string;
  /** How this node reaches another one on the link of a VIP; undefined if it does not. */
  readonly neighborFor: (node: string, vip: Ip) => Neighbor | undefined;
  /** Milliseconds on a monotonic clock. */
  readonly now: number;
}

/** For this long after the move of a VIP its older connections are handed on. Milliseconds. */
const chanceMs = 3_600_000;

interface Former {
  readonly node: string;
  readonly at: number;
}

/** Remembers the last holder of each VIP that was another node. */
export class FormerHolders {
  #former: ReadonlyMap<string, Former> = new Map();

  /** Notes the present holders. Returns the node that gets packets of unknown connections, by VIP. */
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
