/** The status of pools: how many addresses are in use, and whether all ranges are valid. */
import type { Family, Ip } from '../addr/ip.ts';
import { formatRange, type IpRange } from '../addr/range.ts';
import { sizeOf } from '../addr/range-set.ts';
import type { Condition } from '../api/meta.ts';
import type { PoolCounts, PoolView } from '../api/pool.ts';
import { listed, withFittingMessage } from '../api/text.ts';
import { isBuggy } from './ledger/free-addresses.ts';
import type { Slot } from './ledger/slot.ts';
import type { WorkingLedger } from './ledger/working-ledger.ts';
import type { EffectivePool, PoolTable } from './pool-table.ts';

/** A condition without its time of transition. */
export type Finding = Omit<Condition, 'lastTransitionTime'>;

/** The status of one pool. */
export interface PoolReport {
  readonly pool: EffectivePool;
  readonly counts: PoolCounts;
  readonly findings: readonly Finding[];
}

/** Reports on every pool. */
export function poolReports(table: PoolTable, ledger: WorkingLedger): readonly PoolReport[] {
  const tallies = new Map(table.pools.map((pool) => [pool.name, tallyOf(pool)]));
  for (const slot of ledger.slots.values()) {
    const bound = tallies.get(slot.pool);
    if (bound && isInUse(slot)) bound[slot.family].assigned++;
    count(slot.address, slot.value, slot.family);
  }
  for (const [address, { value, family }] of ledger.foreignUsers())
    if (!ledger.slots.has(address)) count(address, value, family);
  function count(address: Ip, value: bigint, family: Family): void {
    const home = table.poolOf(address, value);
    const tally = home && tallies.get(home.name);
    if (tally && !(home.avoidBuggyIPs && isBuggy(family, value))) tally[family].free--;
  }
  return table.pools.map((pool) => {
    const tally = tallies.get(pool.name) ?? tallyOf(pool);
    return { pool, counts: countsOf(pool, tally), findings: findingsOf(pool) };
  });
}

/** Does a status have the same counts? */
export function sameCounts(a: PoolCounts | undefined, b: PoolCounts): boolean {
  return a !== undefined && (Object.keys(b) as (keyof PoolCounts)[]).every((key) => a[key] === b[key]);
}

interface FamilyTally {
  assigned: number;
  free: bigint;
}

type Tally = Readonly<Record<Family, FamilyTally>>;

function tallyOf(pool: EffectivePool): Tally {
  const usable = (family: Family) => sizeOf(pool.own, family) - (pool.avoidBuggyIPs ? buggyIn(pool.own, family) : 0n);
  return { IPv4: { assigned: 0, free: usable('IPv4') }, IPv6: { assigned: 0, free: usable('IPv6') } };
}

/** A reserved address is neither in use nor free. */
function isInUse({ users, entry }: Slot): boolean {
  return users.length > 0 || (entry !== undefined && entry.reservedUntil === undefined && entry.services.length > 0);
}

/** The number of addresses that end in .0 or .255. */
function buggyIn(ranges: readonly IpRange[], of: Family): bigint {
  const below = (value: bigint) => (value >> 8n) * 2n + ((value & 255n) > 0n ? 1n : 0n);
  const counted = ranges.filter(({ family }) => family === of && family === 'IPv4');
  return counted.reduce((sum, { first, last }) => sum + below(last + 1n) - below(first), 0n);
}

const largest = BigInt(Number.MAX_SAFE_INTEGER);

function countsOf({ own }: EffectivePool, { IPv4, IPv6 }: Tally): PoolCounts {
  const exact = (value: bigint) => Number(value < 0n ? 0n : value > largest ? largest : value);
  const families = (['IPv4', 'IPv6'] as const).filter((family) => own.some((range) => range.family === family));
  const text = (v4: number | bigint, v6: number | bigint) =>
    families.length > 1 ? `${v4} IPv4, ${v6} IPv6` : String(families[0] === 'IPv6' ? v6 : v4);
  return {
    assignedIPv4: IPv4.assigned,
    assignedIPv6: IPv6.assigned,
    availableIPv4: exact(IPv4.free),
    availableIPv6: exact(IPv6.free),
    used: text(IPv4.assigned, IPv6.assigned),
    free: text(IPv4.free, IPv6.free),
  };
}

function readiness({ faults, ranges }: PoolView): Finding {
  const [first] = faults;
  if (first === undefined) {
    return { type: 'Ready', status: 'True', reason: 'Ready', message: 'every entry is valid' };
  }
  const left = ranges.length === 0 ? 'no address of this pool is assigned' : 'the other entries are used';
  const message = `${faults.map((fault) => fault.message).join('; ')}; ${left}`;
  return { type: 'Ready', status: 'False', reason: first.reason, message };
}

/** Every condition is there at all times, so that the end of a problem is seen as well. */
function findingsOf(pool: EffectivePool): readonly Finding[] {
  return [readiness(pool), overlap(pool), hostBits(pool)].map(withFittingMessage);
}

function hostBits({ hostBits: found = [] }: PoolView): Finding {
  if (found.length > 0)
    return { type: 'HostBits', status: 'True', reason: 'HostBits', message: found.slice(0, 5).join('; ') };
  const message = 'every CIDR begins with the first address of its network';
  return { type: 'HostBits', status: 'False', reason: 'NoHostBits', message };
}

function overlap({ overlaps }: EffectivePool): Finding {
  if (overlaps.length === 0)
    return {
      type: 'Overlap',
      status: 'False',
      reason: 'NoOverlap',
      message: 'no older pool contains addresses of this one',
    };
  const lost = overlaps.map(({ older, ranges }) => `${listed(ranges.map(formatRange))} (in the older pool ${older})`);
  return { type: 'Overlap', status: 'True', reason: 'Overlap', message: `does not assign ${listed(lost)}` };
}
