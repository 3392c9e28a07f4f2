/** Which address each Service gets, and why not: one pure decision over the whole snapshot. */
import type { Ip } from '../addr/ip.ts';
import type { AllocationView } from '../api/allocation.ts';
import type { NamespaceView } from '../api/namespace.ts';
import type { NodeView } from '../api/node.ts';
import type { PoolView } from '../api/pool.ts';
import { oldestFirst, type ServiceView } from '../api/service.ts';
import type { Choices } from './choose.ts';
import { claimHeld } from './current-allocations.ts';
import { adopt, decide, guardShown, isContent } from './decide.ts';
import { assigned, type Decision } from './decision.ts';
import { type Bind, bindsOf, type Release, releasesOf } from './ledger.ts';
import { hasOurClass, isAdoptable, isForeign, type Ownership, shownBy } from './ownership.ts';
import { PoolTable } from './pool-table.ts';
import { type ForeignUser, type Slot, WorkingLedger } from './working-ledger.ts';

/** All that an allocation depends on. */
export interface Snapshot {
  readonly pools: readonly PoolView[];
  readonly namespaces: readonly NamespaceView[];
  readonly nodes: readonly NodeView[];
  readonly services: readonly ServiceView[];
  readonly ledger: readonly AllocationView[];
  readonly ownership: Ownership;
  /** Milliseconds since 1970: addresses are kept back until a time. */
  readonly now: number;
}

/** What must be true after this pass. */
export interface Plan {
  readonly decisions: readonly Decision[];
  /** What the ledger must say before an address is shown. */
  readonly binds: ReadonlyMap<Ip, Bind>;
  /** What is no longer needed of the ledger. */
  readonly releases: readonly Release[];
  /** Services that are not ours (any longer) and still carry conditions of ours: the API server keeps them on a change of type. */
  readonly strays: readonly ServiceView[];
  /** When an address that is kept back becomes free; milliseconds since 1970. */
  readonly nextAt: number | undefined;
}

/** A plan with the state that it ends in. */
export interface Settled extends Choices {
  readonly plan: Plan;
}

/**
 * Decides every Service, so that any order of events ends in the same allocation: first all keep what the ledger says is theirs, then
 * those that show an address without an entry get it back, then the others choose, the oldest first.
 *
 * | of a family, in the ledger | asks for            | = decision                                                           |
 * |----------------------------|---------------------|----------------------------------------------------------------------|
 * | its address                | nothing, or it      | keeps it, also when its pool is gone                                 |
 * | its address                | another one, a pool | the other one if it can be had, else keeps its own                   |
 * | its name's, from before    | nothing, or it      | gets it back, unless its pool is draining                            |
 * | nothing                    | an address          | that address, or refused with the reason                             |
 * | nothing                    | nothing, or a pool  | what its status shows; what its sharing key shares; the lowest free one |
 *
 * The result keeps the state of the pools, by which decisions are explained.
 */
export function settle(snapshot: Snapshot): Settled {
  const { services, ledger, ownership } = snapshot;
  const table = tableOf(snapshot);
  // An address that only waits for a Service says nothing of whose the Service is when it comes back.
  const inUse = ledger.filter(({ reservedUntil }) => reservedUntil === undefined);
  const bound = new Set(inUse.flatMap((entry) => entry.services.map(({ uid }) => uid)));
  const isOurs = (service: ServiceView) =>
    hasOurClass(service, ownership) || (service.isLoadBalancer && bound.has(service.uid));
  const ours = services.filter(isOurs);
  const book = new WorkingLedger(ledger, strangersOf(snapshot, bound), table.pools);
  const holdings = claimHeld(ours, { book, table, now: snapshot.now });
  const context = { book, table, holdings, ownership };
  const pending = ours.filter((service) => !isContent(service, context)).sort(oldestFirst);
  const adoptions = new Map(pending.map((service) => [service, adopt(service, context)]));
  for (const service of ours) guardShown(service, context);
  const decided = new Map(pending.map((service) => [service, decide(service, context, adoptions.get(service))]));
  const kept = (service: ServiceView) => keptDecision(service, holdings.of(service), table);
  const decisions = ours.map((service) => decided.get(service) ?? kept(service));
  const { releases, nextAt } = releasesOf(book, { services, decisions, table, now: snapshot.now });
  const others = services.filter((service) => !isOurs(service));
  const strays = others.filter(({ conditions }) => conditions.length > 0);
  return { book, table, plan: { decisions, binds: bindsOf(book), releases, strays, nextAt } };
}

interface Kept {
  readonly table: PoolTable;
  readonly entries: readonly (AllocationView | undefined)[];
  readonly decision: Decision;
}

const keptBefore = new WeakMap<ServiceView, Kept>();

/** Of a Service that keeps what it has: the same decision as before, as long as neither it, nor its entries, nor the pools have changed. */
function keptDecision(service: ServiceView, slots: readonly Slot[], table: PoolTable): Decision {
  const before = keptBefore.get(service);
  const isSame = (slot: Slot, i: number) => slot.entry !== undefined && slot.entry === before?.entries[i];
  if (before?.table === table && before.entries.length === slots.length && slots.every(isSame)) return before.decision;
  const decision = assigned(service, { slots, table });
  keptBefore.set(service, { table, entries: slots.map(({ entry }) => entry), decision });
  return decision;
}

let lastTable: { readonly key: readonly unknown[]; readonly table: PoolTable } | undefined;

/** Pools and namespaces change rarely, and a table of many ranges costs time: the last one is kept. */
function tableOf({ pools, namespaces }: Snapshot): PoolTable {
  const key = [...pools.map((pool) => (pool.generation > 0 ? `${pool.uid}/${pool.generation}` : pool)), ...namespaces];
  const same = lastTable?.key.length === key.length && key.every((part, i) => part === lastTable?.key[i]);
  if (!same || lastTable === undefined) lastTable = { key, table: new PoolTable(pools, namespaces) };
  return lastTable.table;
}

/** Addresses that are in use by others: nodes, and Services whose status another program wrote and that have no entry. */
function strangersOf(
  { nodes, services, ownership }: Snapshot,
  bound: ReadonlySet<string>,
): ReadonlyMap<Ip, ForeignUser> {
  const strangers = new Map<Ip, ForeignUser>();
  for (const service of services) {
    if (service.ingress.length === 0 || bound.has(service.uid) || !isForeign(service, ownership)) continue;
    if (hasOurClass(service, ownership) && isAdoptable(service, ownership)) continue;
    for (const ip of shownBy(service)) {
      strangers.set(ip, { who: 'a Service that another program serves', owner: undefined });
    }
  }
  for (const { addresses } of nodes) for (const ip of addresses) strangers.set(ip, { who: 'a node', owner: undefined });
  return strangers;
}
