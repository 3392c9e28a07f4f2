/**
 * Decides which node serves which share of a VIP's connections. A hash of the client's address and port puts each
 * connection into a slot. Each slot belongs to the node with the highest score for it (weighted rendezvous: Wang and
 * Ravishankar 1998). So every node computes the same table without a message, and a node that joins or leaves moves
 * only the slots that it gains or loses.
 */

/** The number of slots of a table. With 100 nodes each node has about ten. */
export const slotCount = 1_024;

/** A node that serves, and the weight of its share. */
export interface Member {
  readonly node: string;
  readonly weight: number;
}

/** The nodes of a slot. */
export interface Slot {
  readonly first: string;
  /**
   * The node that would have it without the first one, leavers included: the node that had it before, if the first one
   * has just joined.
   */
  readonly second: string | undefined;
  /** The node that had it, if that one has just left. */
  readonly former: string | undefined;
}

/** A table of slots. */
export interface SlotTable {
  /** A table replaces another one of the same name. */
  readonly name: string;
  /** Different for every different content. */
  readonly key: string;
  readonly slots: readonly Slot[];
}

/** The slots of these members. `leavers` served until lately, and may still know connections; they get no new ones. */
export function slotsOf(members: readonly Member[], leavers: readonly Member[]): readonly Slot[] {
  if (members.length === 0) return [];
  const seeds = new Map([...members, ...leavers].map(({ node }) => [node, seedOf(node)]));
  const scoreOf = ({ node, weight }: Member, slot: number) => scored(seeds.get(node) ?? 0, slot, weight);
  return Array.from({ length: slotCount }, (_, slot) => {
    const [first, second] = topTwo(members, (member) => scoreOf(member, slot));
    const [former] = topTwo(leavers, (member) => scoreOf(member, slot));
    const isFormer = former !== undefined && former.score > (first?.score ?? 0);
    const next = former !== undefined && (second === undefined || isHigher(former, second)) ? former : second;
    return { first: first?.node ?? '', second: next?.node, former: isFormer ? former.node : undefined };
  });
}

/** The node to which this node hands on packets of unknown connections in a slot; undefined: to none. */
export function chanceOf({ first, second, former }: Slot, self: string): string | undefined {
  if (former !== undefined && former !== self) return former;
  return first === self ? second : first;
}

/** The number of endpoints changes often: weights that are powers of two move fewer slots. */
export function weightOf(endpoints: number): number {
  return endpoints === 0 ? 0 : 2 ** Math.round(Math.log2(endpoints));
}

interface Scored {
  readonly node: string;
  readonly score: number;
}

function topTwo(members: readonly Member[], scoreOf: (member: Member) => number): readonly Scored[] {
  let [first, second]: (Scored | undefined)[] = [];
  for (const member of members) {
    const one = { node: member.node, score: scoreOf(member) };
    if (first === undefined || isHigher(one, first)) [first, second] = [one, first];
    else if (second === undefined || isHigher(one, second)) second = one;
  }
  return [first, second].filter((one) => one !== undefined);
}

/** The name decides between equal scores, so that the order of the input never does. */
function isHigher(a: Scored, b: Scored): boolean {
  return a.score > b.score || (a.score === b.score && a.node < b.node);
}

/** A node wins slots in proportion to its weight (Schindelhauer and Schomaker 2005). */
function scored(seed: number, slot: number, weight: number): number {
  const uniform = (avalanche(seed ^ Math.imul(slot + 1, 0x9e3779b1)) + 0.5) / 2 ** 32;
  return -weight / Math.log(uniform);
}

/** FNV-1a over the name's characters. */
function seedOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return avalanche(hash);
}

/** Every bit of the input affects every bit of the output (MurmurHash3's finalizer). */
function avalanche(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
