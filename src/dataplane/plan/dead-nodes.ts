/**
 * Finds out whether a node is dead, or only its speaker. If no speaker hears a node, its VIPs are taken over at once.
 * But its Pods may still work: a speaker that was killed is back in a moment. The node's kernel answers for the node's
 * own addresses while it runs (RFC 826, RFC 4861), so this node probes those addresses. A node that cannot be probed,
 * because a router is between or a link of this node is down, is never dead: silence alone proves nothing.
 */
import type { Ip } from '../../addr/ip.ts';

/** A node that no speaker hears, and its addresses in subnets of this node's working links; none if it is behind a router. */
interface SilentNode {
  readonly node: string;
  readonly addresses: readonly Ip[];
}

/** The result of a review. */
interface Finding {
  /** Nodes whose kernels are silent too. */
  readonly dead: readonly string[];
  /** Addresses to probe on the wire now. */
  readonly probes: readonly Ip[];
  /** When the next review is due; undefined if none is. */
  readonly nextAt: number | undefined;
}

/** Milliseconds. Two lost probes must not make a node dead. */
const times = { probe: 100, probeLater: 1_000, silence: 350, silenceAfterAnswer: 2_500 } as const;

interface Watched {
  /** Since when it can be probed without a break. */
  since: number;
  probedAt: number;
  answeredAt: number | undefined;
}

/** Remembers since when each node is silent, and when its kernel last answered. Times are on a monotonic clock. */
export class DeadNodes {
  readonly #watched = new Map<string, Watched>();
  #silent: readonly SilentNode[] = [];

  /** A host answered for an address. */
  heard(address: string, now: number): void {
    for (const { node, addresses } of this.#silent) {
      const watched = this.#watched.get(node);
      if (watched && addresses.includes(address as Ip)) watched.answeredAt = now;
    }
  }

  /** Probes for these addresses could not be sent. A node without any other address starts with the full time again. */
  notProbed(unsent: readonly Ip[]): void {
    for (const { node, addresses } of this.#silent) {
      const watched = this.#watched.get(node);
      if (watched && addresses.every((address) => unsent.includes(address))) watched.since = Number.POSITIVE_INFINITY;
    }
  }

  /** Reviews the nodes that no speaker hears. */
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
      if (addresses.length === 0) watched.since = Number.POSITIVE_INFINITY;
      else if (watched.since === Number.POSITIVE_INFINITY) watched.since = now;
      const isDead = now >= deadAt(watched);
      if (isDead) dead.push(node);
      const pause = isDead || watched.answeredAt !== undefined ? times.probeLater : times.probe;
      if (now - watched.probedAt < pause) continue;
      watched.probedAt = now;
      probes.push(...addresses);
    }
    return { dead, probes, nextAt: silent.length === 0 ? undefined : now + times.probe };
  }
}

function deadAt({ since, answeredAt }: Watched): number {
  const silentAt = since + times.silence;
  return answeredAt === undefined ? silentAt : Math.max(silentAt, answeredAt + times.silenceAfterAnswer);
}
