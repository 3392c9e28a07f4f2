/** Which nodes share the slots of a table, over time: who has just come waits, and who has just left is remembered. */
import { type Member, type SlotTable, slotsOf } from './slots.ts';

/** A table that is wanted. */
export interface Wanted {
  /** Whose table it is: wishes of the same group are one. */
  readonly group: string;
  /** Who may serve now. Those who are not settled yet are left out. */
  readonly members: readonly Member[];
  /** Groups with the same members share one table: for groups of which there are many. */
  readonly shared: boolean;
}

/** A node serves after it has been there for so long without a break. Milliseconds. */
export const settleMs = 10_000;
/** A node that is not heard may only be late. What it knows is handed on to it for so long; it gets nothing new. Milliseconds. */
export const doubtMs = 10_000;
/** So long connections are expected to live on at a node that has left. Milliseconds. */
const rememberMs = 3_600_000;

interface Group {
  readonly members: readonly Member[];
  /** Who served more than now, with the most that they served. */
  readonly left: ReadonlyMap<string, { readonly weight: number; readonly at: number }>;
}

/** Remembers who was there since when, and who has left which group. */
export class Membership {
  #since: ReadonlyMap<string, number> | undefined;
  /** Since when those are not heard who were there. */
  readonly #missing = new Map<string, number>();
  #groups: ReadonlyMap<string, Group> = new Map();
  #tables: ReadonlyMap<string, SlotTable> = new Map();

  /** When the next node will have settled, or be given up; undefined if there is none. Milliseconds. */
  nextAt(now: number): number | undefined {
    const settled = [...(this.#since ?? new Map<string, number>()).values()].map((since) => since + settleMs);
    const givenUp = [...this.#missing.values()].map((since) => since + doubtMs);
    const next = Math.min(...[...settled, ...givenUp].filter((at) => at > now));
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** Was this node there a moment ago, and is not heard now? */
  isInDoubt(node: string, now: number): boolean {
    const since = this.#missing.get(node);
    return since !== undefined && now - since < doubtMs;
  }

  /** The tables of all groups. `present` are the nodes that live, or are back in a moment. */
  tables(wanted: readonly Wanted[], present: ReadonlySet<string>, now: number): ReadonlyMap<string, SlotTable> {
    this.#miss(present, now);
    // Whoever was there before this speaker looked for the first time has been there for long.
    const began = this.#since === undefined ? Number.NEGATIVE_INFINITY : now;
    this.#since = new Map([...present].map((node) => [node, this.#since?.get(node) ?? began]));
    const groups = new Map<string, Group>();
    const tables = new Map<string, SlotTable>();
    const byGroup = new Map<string, SlotTable>();
    for (const one of wanted) {
      const { group, members } = one;
      if (groups.has(group)) continue;
      const settled = members.filter(({ node }) => now - (this.#since?.get(node) ?? now) >= settleMs);
      const next = this.#follow(this.#groups.get(group), settled, { present, now });
      groups.set(group, next);
      const table = tableOf(one, next, (key) => tables.get(key) ?? this.#tables.get(key));
      tables.set(table.key, table);
      byGroup.set(group, table);
    }
    this.#groups = groups;
    this.#tables = tables;
    return byGroup;
  }

  #miss(present: ReadonlySet<string>, now: number): void {
    for (const node of this.#since?.keys() ?? []) if (!present.has(node)) this.#missing.set(node, now);
    for (const [node, since] of this.#missing)
      if (present.has(node) || now - since >= doubtMs) this.#missing.delete(node);
  }

  #follow(
    before: Group | undefined,
    members: readonly Member[],
    { present, now }: { readonly present: ReadonlySet<string>; readonly now: number },
  ): Group {
    const left = new Map(before?.left);
    // Who is to serve less than before has left some slots, too.
    for (const { node, weight } of before?.members ?? []) {
      if (weight >= (left.get(node)?.weight ?? 0)) left.set(node, { weight, at: now });
    }
    for (const { node, weight } of members) if (weight >= (left.get(node)?.weight ?? 0)) left.delete(node);
    const isThere = (node: string) => present.has(node) || this.isInDoubt(node, now);
    for (const [node, { at }] of left) if (!isThere(node) || now - at > rememberMs) left.delete(node);
    return { members, left };
  }
}

/** Its table: the one that is known, if nothing has changed. */
function tableOf(
  { group, shared }: Wanted,
  { members, left }: Group,
  known: (key: string) => SlotTable | undefined,
): SlotTable {
  const byName = (a: Member, b: Member) => (a.node < b.node ? -1 : 1);
  const now = [...members].sort(byName);
  const leavers = [...left].map(([node, { weight }]) => ({ node, weight })).sort(byName);
  const text = [now, leavers].map((list) => list.map(({ node, weight }) => `${node}*${weight}`).join(' ')).join('|');
  const name = shared ? digest(text) : digest(group);
  const key = `${name} ${text}`;
  return known(key) ?? { name, key, slots: slotsOf(now, leavers) };
}

/** A short name for a text: 64 bits in hexadecimal (FNV-1a over both directions). */
function digest(text: string): string {
  const half = (letters: string) => {
    let hash = 0x811c9dc5;
    for (let i = 0; i < letters.length; i++) hash = Math.imul(hash ^ letters.charCodeAt(i), 0x01000193);
    return (hash >>> 0).toString(16).padStart(8, '0');
  };
  return half(text) + half([...text].reverse().join(''));
}
