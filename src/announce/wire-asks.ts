/** Who was asked for on the wire, and who answered: the last word before a VIP is taken from a node that nobody hears. */
import { times } from '../liveness/messages.ts';
import type { Vip } from './holders.ts';

interface Asked {
  readonly node: string | undefined;
  /** When the present row of questions without an answer began. */
  readonly since: number;
  readonly count: number;
  readonly at: number;
}

/** The pause between two questions for one VIP while it matters most, and afterwards. */
const pauseMs = { first: 50, later: 200 } as const;
const quickQuestions = 4;
/** This many questions in a row without an answer mean silence. */
const enough = 3;

/** Remembers questions and answers. */
export class WireAsks {
  readonly #asked = new Map<string, Asked & { readonly address: string }>();
  /** When a node last answered for anything. */
  readonly #answers = new Map<string, number>();

  /** Of the VIPs that are wanted, those that are to be asked for now. What is not wanted any more is forgotten. */
  due(wanted: readonly { readonly vip: Vip; readonly node: string | undefined }[], now: number): readonly Vip[] {
    const uids = new Set(wanted.map(({ vip }) => vip.uid));
    for (const uid of this.#asked.keys()) if (!uids.has(uid)) this.#asked.delete(uid);
    const due: Vip[] = [];
    for (const { vip, node } of wanted) {
      const before = this.#asked.get(vip.uid);
      const pause = (before?.count ?? 0) < quickQuestions ? pauseMs.first : pauseMs.later;
      if (before !== undefined && now - before.at < pause) continue;
      const since = before?.since ?? now;
      this.#asked.set(vip.uid, { address: vip.address, node, since, count: (before?.count ?? 0) + 1, at: now });
      due.push(vip);
    }
    return due;
  }

  /** A node, or a host that is none (undefined), answered for an address. */
  answered(address: string, node: string | undefined, now: number): void {
    if (node !== undefined) this.#answers.set(node, now);
    for (const [uid, asked] of this.#asked) {
      if (asked.address === address) this.#asked.set(uid, { ...asked, since: now, count: 0, at: now });
    }
  }

  /** Has the node answered lately? */
  answersFor(node: string, now: number): boolean {
    return now - (this.#answers.get(node) ?? Number.NEGATIVE_INFINITY) < times.dead + pauseMs.later;
  }

  /** Were VIPs of the node asked for again and again, for this time, without an answer? */
  isSilent(node: string, { now, forMs }: { readonly now: number; readonly forMs: number }): boolean {
    for (const asked of this.#asked.values()) {
      if (asked.node === node && asked.count >= enough && now - asked.since >= forMs)
        return !this.answersFor(node, now);
    }
    return false;
  }

  /** Was this VIP asked for again and again without an answer? */
  isUnanswered(uid: string, now: number): boolean {
    const asked = this.#asked.get(uid);
    return asked !== undefined && asked.count >= enough && now - asked.since >= times.dead;
  }
}
