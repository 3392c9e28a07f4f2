/** The client's view: the node that answers for each VIP, at every moment. */
import type { Schedule } from './schedule.ts';

/** A period of time. `end` is undefined while it lasts. */
export interface Span {
  readonly start: number;
  end: number | undefined;
}

/** An answer of a node: with its own hardware address as holder, or with that of the node that it stands in for. */
export interface Answer {
  readonly mac: string;
  readonly holds: boolean;
}

/** One VIP's history. */
export interface Record {
  readonly answers: Map<string, Answer>;
  readonly silent: Span[];
  readonly twofold: Span[];
  /** The nodes that began to hold it, in order. */
  readonly holders: { readonly node: string; readonly at: number }[];
  /** Takeovers while the former holder still answered the client. */
  readonly disputes: { readonly by: string; readonly from: string; readonly at: number }[];
}

/** The histories of all VIPs. */
export class Meter {
  readonly #schedule: Schedule;
  readonly records = new Map<string, Record>();

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** Sets the answers of a node to the client from now on. */
  update(node: string, answers: ReadonlyMap<string, Answer>): void {
    for (const [uid, record] of this.records) {
      const before = record.answers.get(node);
      const now = answers.get(uid);
      if (before?.mac === now?.mac && before?.holds === now?.holds) continue;
      if (now) record.answers.set(node, now);
      else record.answers.delete(node);
      if (now?.holds && !before?.holds) this.#noteHolder(record, node);
      this.#count(record);
    }
  }

  /** Starts to record a VIP. */
  add(uid: string): void {
    if (this.records.has(uid)) return;
    const silent: Span[] = [{ start: this.#schedule.now, end: undefined }];
    this.records.set(uid, { answers: new Map(), silent, twofold: [], holders: [], disputes: [] });
  }

  #noteHolder(record: Record, node: string): void {
    const at = this.#schedule.now;
    for (const [other, { holds }] of record.answers) {
      if (other !== node && holds) record.disputes.push({ by: node, from: other, at });
    }
    if (record.holders.at(-1)?.node !== node) record.holders.push({ node, at });
  }

  #count(record: Record): void {
    const macs = new Set([...record.answers.values()].map(({ mac }) => mac)).size;
    this.#mark(record.silent, macs === 0);
    this.#mark(record.twofold, macs > 1);
  }

  #mark(spans: Span[], isNow: boolean): void {
    const last = spans.at(-1);
    const isOpen = last !== undefined && last.end === undefined;
    if (isNow && !isOpen) spans.push({ start: this.#schedule.now, end: undefined });
    else if (!isNow && isOpen) last.end = this.#schedule.now;
  }

  /** The longest time without an answer since then, over all VIPs. */
  longestSilence(since: number, uids: Iterable<string> = this.records.keys()): number {
    return Math.max(0, ...[...uids].flatMap((uid) => this.#lengths(this.records.get(uid)?.silent ?? [], since)));
  }

  /** The longest single time since then in which a VIP had answers with two hardware addresses. */
  longestTwofold(since: number): number {
    return Math.max(0, ...[...this.records.values()].flatMap(({ twofold }) => this.#lengths(twofold, since)));
  }

  /** The longest total time since then in which a VIP had answers with two hardware addresses. */
  mostTwofold(since: number, uids: Iterable<string> = this.records.keys()): number {
    const sums = [...uids].map((uid) => {
      return this.#lengths(this.records.get(uid)?.twofold ?? [], since).reduce((sum, ms) => sum + ms, 0);
    });
    return Math.max(0, ...sums);
  }

  /** How often VIPs moved to another node since then. */
  moves(since: number): number {
    let moves = 0;
    for (const { holders } of this.records.values()) {
      holders.forEach(({ at }, i) => {
        if (i > 0 && at >= since) moves++;
      });
    }
    return moves;
  }

  /** How often a VIP was taken over from a node that the client could still reach. */
  disputes(since: number): number {
    let count = 0;
    for (const { disputes } of this.records.values()) count += disputes.filter(({ at }) => at >= since).length;
    return count;
  }

  /** The nodes that answer as holders now. */
  holdersOf(uid: string): readonly string[] {
    return [...(this.records.get(uid)?.answers ?? [])].flatMap(([node, { holds }]) => (holds ? [node] : []));
  }

  /** When the last time without exactly one answer ended. */
  lastChange(since: number): number {
    let last = since;
    for (const { silent, twofold } of this.records.values()) {
      for (const { start, end } of [...silent, ...twofold]) {
        const until = end ?? this.#schedule.now;
        if (until > start) last = Math.max(last, until);
      }
    }
    return last;
  }

  /** The hardware addresses that answer now. */
  macsOf(uid: string): readonly string[] {
    return [...new Set([...(this.records.get(uid)?.answers.values() ?? [])].map(({ mac }) => mac))];
  }

  #lengths(spans: readonly Span[], since: number): number[] {
    return spans.map(({ start, end }) => (end ?? this.#schedule.now) - Math.max(start, since)).filter((ms) => ms > 0);
  }
}
