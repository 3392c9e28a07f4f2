/**
 * Remembers which VIPs were probed on the wire, and which nodes answered: the last check before a VIP is taken from a
 * node that no peer hears.
 */
import type { Vip } from './view.ts';

interface Probed {
  readonly address: string;
  readonly node: string | undefined;
  /** When the present row of unanswered probes began; undefined after an answer, and before the first probe is sent. */
  readonly since: number | undefined;
  /** How many probes the row has. */
  readonly count: number;
  /** When the last one was sent or tried, and how often since the last answer. */
  readonly at: number;
  readonly tries: number;
  readonly wasAnswered: boolean;
  readonly isRare: boolean;
  /** The host whose answers count only if it alone was probed, and when it last answered such a probe. */
  readonly host: string | undefined;
  readonly provenAt: number;
  /** Did the last probe go to this host alone? */
  readonly wasDirect: boolean;
}

/** A VIP to probe. */
export interface ProbeTarget {
  readonly vip: Vip;
  /** The node that should answer if it is alive. */
  readonly node: string | undefined;
  /** A few seconds between two probes suffice, unless one is answered. */
  readonly isRare?: boolean;
}

/** A probe to send: to all hosts, or to the one with a hardware address. */
export interface DueProbe {
  readonly vip: Vip;
  readonly to: string | undefined;
}

/** How long a silence must be, in probes and in milliseconds, to count as proof. */
interface Proof {
  readonly now: number;
  readonly probes: number;
  readonly forMs: number;
}

/** The pause between two probes for one VIP: at first, later, after an answer of any host or of the host that is probed alone, and where they may be rare. */
const pauseMs = { first: 50, later: 200, answered: 1_000, answeredAlone: 500, rare: 5_000 } as const;
const quickProbes = 5;
/** Of this many probes for a host that is probed alone, the last one goes to all: it may have another hardware address now. */
const directRow = 3;
/** An answer comes within this time or not at all. */
const answerMs = 100;
/** At most this many probes are sent at one time. */
const mostAtOnce = 20;

/** Probes and their answers. */
export class HolderProbes {
  readonly #probed = new Map<string, Probed>();
  /** When a node last answered for anything. */
  readonly #answers = new Map<string, number>();

  /** The wanted VIPs that must be probed now. Forgets the VIPs that are not wanted any more. */
  due(wanted: readonly ProbeTarget[], now: number): readonly DueProbe[] {
    const uids = new Set(wanted.map(({ vip }) => vip.uid));
    for (const uid of this.#probed.keys()) if (!uids.has(uid)) this.#probed.delete(uid);
    const probedAt = ({ vip }: { readonly vip: Vip }) => this.#probed.get(vip.uid)?.at ?? Number.NEGATIVE_INFINITY;
    const due = wanted.filter(({ vip }) => {
      const before = this.#probed.get(vip.uid);
      return before === undefined || now >= before.at + pauseAfter(before);
    });
    // If there are too many, they take turns.
    const first = due.length <= mostAtOnce ? due : due.sort((a, b) => probedAt(a) - probedAt(b)).slice(0, mostAtOnce);
    return first.map(({ vip, node, isRare = false }) => {
      const before = this.#probed.get(vip.uid);
      const host = before?.host;
      const wasDirect = host !== undefined && ((before?.count ?? 0) + 1) % directRow !== 0;
      this.#probed.set(vip.uid, {
        address: vip.address,
        node,
        since: before?.since ?? now,
        count: (before?.count ?? 0) + 1,
        at: now,
        tries: (before?.tries ?? 0) + 1,
        wasAnswered: before?.wasAnswered ?? false,
        isRare,
        host,
        provenAt: before?.provenAt ?? Number.NEGATIVE_INFINITY,
        wasDirect,
      });
      return { vip, to: wasDirect ? host : undefined };
    });
  }

  /** The last probe for this VIP could not be sent: that no host answers it proves nothing. */
  unsent(uid: string): void {
    const probed = this.#probed.get(uid);
    if (probed === undefined) return;
    const count = Math.max(0, probed.count - 1);
    this.#probed.set(uid, { ...probed, count, since: count === 0 ? undefined : probed.since });
  }

  /** When the next probe is due; undefined if none is. */
  nextAt(): number | undefined {
    let next: number | undefined;
    for (const probed of this.#probed.values()) {
      const at = probed.at + pauseAfter(probed);
      if (next === undefined || at < next) next = at;
    }
    return next;
  }

  /** Is this VIP being probed? */
  isProbed(uid: string): boolean {
    return this.#probed.has(uid);
  }

  /**
   * Is this the answer of a host that was probed alone? A switch may answer in a host's name when all hosts are probed,
   * but a probe to the hardware address of a host reaches that host. After another answer the host is probed alone.
   * For a second after such an answer every frame of the host counts.
   */
  isDirectAnswer(uid: string, mac: string, now: number): boolean {
    const probed = this.#probed.get(uid);
    if (probed?.host === mac && probed.wasDirect) this.#probed.set(uid, { ...probed, provenAt: now });
    if (probed?.host === mac) return probed.wasDirect || now - probed.provenAt < pauseMs.answered;
    const begun = { since: undefined, count: 0, tries: 1, provenAt: Number.NEGATIVE_INFINITY };
    if (probed !== undefined) this.#probed.set(uid, { ...probed, ...begun, host: mac, wasDirect: false });
    return false;
  }

  /** A host answered for an address; `node` is undefined if it is no known node. */
  answered(address: string, node: string | undefined, now: number): void {
    if (node !== undefined) this.#answers.set(node, now);
    for (const [uid, probed] of this.#probed) {
      if (probed.address === address)
        this.#probed.set(uid, { ...probed, since: undefined, count: 0, tries: 0, wasAnswered: true });
    }
  }

  /** Has the node answered lately, for any VIP? */
  answersFor(node: string, now: number): boolean {
    const last = this.#answers.get(node) ?? Number.NEGATIVE_INFINITY;
    return now - last < pauseMs.answered + answerMs + quickProbes * pauseMs.first && !this.#isUnanswered(node, last);
  }

  /** Is it proven that the node does not answer for its VIPs? */
  isSilent(node: string, proof: Proof): boolean {
    if (this.answersFor(node, proof.now)) return false;
    for (const probed of this.#probed.values()) if (probed.node === node && isProven(probed, proof)) return true;
    return false;
  }

  /** Is it proven that no host answers for this VIP? */
  isUnanswered(uid: string, proof: Proof): boolean {
    const probed = this.#probed.get(uid);
    return probed !== undefined && isProven(probed, proof);
  }

  /** Does a host answer for this VIP when it is probed? */
  isAnswered(uid: string): boolean {
    const probed = this.#probed.get(uid);
    return probed?.wasAnswered === true && probed.count < 3;
  }

  /** Have probes for its VIPs gone unanswered since then? */
  #isUnanswered(node: string, since: number): boolean {
    for (const probed of this.#probed.values()) {
      if (probed.node === node && probed.count >= 3 && (probed.since ?? 0) > since) return true;
    }
    return false;
  }
}

function pauseAfter({ tries, isRare, host, wasDirect }: Probed): number {
  if (tries === 0) return host === undefined ? pauseMs.answered : pauseMs.answeredAlone;
  if (host !== undefined && !wasDirect) return pauseMs.first;
  if (isRare) return pauseMs.rare;
  return tries < quickProbes ? pauseMs.first : pauseMs.later;
}

function isProven({ since, count }: Probed, { now, probes, forMs }: Proof): boolean {
  return since !== undefined && count >= probes && now - since >= forMs;
}
