/**
 * Whether a node is dead, or only its speaker. Speakers that hear nothing of a node take its VIPs over at once; but its Pods may be well: a
 * speaker that was killed is back in a moment. The node's kernel answers for the node's own addresses as long as it lives (RFC 826, RFC 4861),
 * so it is asked for those.
 */
import type { Ip } from '../../addr/ip.ts';

/** A node that no speaker hears, and its addresses on links of this one; none where it is behind a router. */
export interface SilentNode {
  readonly node: string;
  readonly addresses: readonly Ip[];
}

/** What comes out of a look at them. */
export interface Finding {
  /** Nodes whose kernel is silent too. */
  readonly dead: readonly string[];
  /** Addresses to ask for on the wire now. */
  readonly probes: readonly Ip[];
  /** When to look again; undefined: nothing is open. */
  readonly nextAt: number | undefined;
}

/** Milliseconds. Two questions that are lost must not make a node dead. */
const times = { probe: 100, probeLater: 1_000, silence: 350, silenceAfterAnswer: 2_500, behindRouter: 3_000 } as const;

interface Watched {
  readonly since: number;
  probedAt: number;
  answeredAt: number | undefined;
}

/** Remembers since when each node is silent, and when its kernel answered last. Times are on a clock that never goes back. */
export class DeadNodes {
  readonly #watched = new Map<string, Watched>();
  #silent: readonly SilentNode[] = [];

  /** Somebody answered for an address. */
  heard(address: string, now: number): void {
    for (const { node, addresses } of this.#silent) {
      const watched = this.#watched.get(node);
      if (watched && addresses.includes(address as Ip)) watched.answeredAt = now;
    }
  }

  /** Looks at the nodes that no speaker hears. */
  review(silent: readonly SilentNode[], now: number): Finding {
    this.#silent = silent;
    for (const node of this.#watched.keys()) if (!silent.some((one) => one.node === node)) this.#watched.delete(node);
    const dead: string[] = [];
    const probes: Ip[] = [];
    for (const { node, addresses } of silent) {
      const watched = this.#watched.get(node) ?? {
        since: now,
        probedAt: Number.NEGATIVE_INFINITY,
        answeredAt: undefined,
      };
      this.#watched.set(node, watched);
      const isDead = now >= deadAt(watched, addresses);
      if (isDead) dead.push(node);
      const pause = isDead || watched.answeredAt !== undefined ? times.probeLater : times.probe;
      if (now - watched.probedAt < pause) continue;
      watched.probedAt = now;
      probes.push(...addresses);
    }
    return { dead, probes, nextAt: silent.length === 0 ? undefined : now + times.probe };
  }
}

function deadAt({ since, answeredAt }: Watched, addresses: readonly Ip[]): number {
  if (answeredAt !== undefined) return answeredAt + times.silenceAfterAnswer;
  return since + (addresses.length === 0 ? times.behindRouter : times.silence);
}
