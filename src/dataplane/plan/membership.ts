/**
 * Decides which nodes share the slots of a table, over time: a node that has just joined waits, and a node that has
 * just left is remembered.
 */
import { type Member, type SlotTable, slotsOf } from './slots.ts';

/** A wanted table. */
export interface Wanted {
  /** The identity of the table: entries of the same group are one table. */
  readonly group: string;
  /** The nodes that may serve now. Nodes that have not settled yet are left out. */
  readonly members: readonly Member[];
  /** Do groups with the same members share one table? For groups of which there are many. */
  readonly shared: boolean;
}

/** A node serves after it has been present for this long without a break. Milliseconds. */
export const settleMs = 10_000;
/**
 * A node that is not heard may only be late. For this long it gets packets of its connections, but no new connections.
 * Milliseconds.
 */
export const doubtMs = 10_000;
/** Connections at a node that has left are expected to end within this time. Milliseconds. */
const rememberMs = 3_600_000;

interface Group {
  readonly members: readonly Member[];
  /** The nodes that served more than now, each with its highest weight. */
  readonly left: ReadonlyMap<string, { readonly weight: number; readonly at: number }>;
}

/** Remembers since when each node is present, and which nodes have left which group. */
export class Membership {
  #since: ReadonlyMap<string, number> | undefined;
  /** Since when each formerly present node is missing. */
  readonly #missing = new Map<string, number>();
  #groups: ReadonlyMap<string, Group> = new Map();
  #tables: ReadonlyMap<string, SlotTable> = new Map();

  /** When the next node will have settled, or will be given up; undefined if there is none. Milliseconds. */
  nextAt(now: number): number | undefined {
    const settled = [...(this.#since ?? new Map<string, number>()).values()].map((since) => since + settleMs);
    const givenUp = [...this.#missing.values()].map((since) => since + doubtMs);
    const next = Math.min(...[...settled, ...givenUp].filter((at) => at > now));
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** Was this node present a moment ago, and is it missing now? */
  isInDoubt(node: string, now: number): boolean {
    const since = this.#missing.get(node);
    return since !== undefined && now - since < doubtMs;
  }

  /** The tables of all groups. `present` are the live and the restarting nodes. */
  tables(wanted: readonly Wanted[], present: ReadonlySet<string>, now: number): ReadonlyMap<string, SlotTable> {
    this.#miss(present, now);
    // Nodes that are present at the first call count as present for a long time.
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
    // A node with a lower weight than before has left some slots, too.
    for (const { node, weight } of before?.members ?? []) {
      if (weight >= (left.get(node)?.weight ?? 0)) left.set(node, { weight, at: now });
    }
    for (const { node, weight } of members) if (weight >= (left.get(node)?.weight ?? 0)) left.delete(node);
    const isThere = (node: string) => present.has(node) || this.isInDoubt(node, now);
    for (const [node, { at }] of left) if (!isThere(node) || now - at > rememberMs) left.delete(node);
    return { members, left };
  }
}

/** The table of a group: the known one if nothing has changed. */
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

/** A short name for a text: 64 bits in hexadecimal (FNV-1a forwards and backwards). */
function digest(text: string): string {
  const half = (letters: string) => {
    let hash = 0x811c9dc5;
    for (let i = 0; i < letters.length; i++) hash = Math.imul(hash ^ letters.charCodeAt(i), 0x01000193);
    return (hash >>> 0).toString(16).padStart(8, '0');
  };
  return half(text) + half([...text].reverse().join(''));
}
