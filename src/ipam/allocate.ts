/** Which address each Service gets, and why not: one pure decision over the whole snapshot. */
import type { Ip } from '../addr/ip.ts';
import type { AllocationView } from '../api/allocation.ts';
import type { NamespaceView } from '../api/namespace.ts';
import type { NodeView } from '../api/node.ts';
import type { PoolView } from '../api/pool.ts';
import { oldestFirst, type ServiceView } from '../api/service.ts';
import { AllocationCache } from './allocation-cache.ts';
import type { Choices } from './choose.ts';
import { claimCurrent } from './current-allocations.ts';
import { adopt, decide, guardShown, isSatisfied } from './decide.ts';
import type { Decision } from './decision.ts';
import { type Bind, bindsOf, type Release, releasesOf } from './ledger.ts';
import { hasOurClass, isAdoptable, isForeign, type Ownership, shownBy } from './ownership.ts';
import { type ForeignUser, WorkingLedger } from './working-ledger.ts';

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
 */
export function planAllocations(snapshot: Snapshot, cache?: AllocationCache): Plan {
  return settle(snapshot, cache).plan;
}

/** A plan with the state that it ends in. */
export interface Settled extends Choices {
  readonly plan: Plan;
}

/** Decides, and keeps the state of the pools for those who want to explain it. A caller that decides again and again hands in its cache. */
export function settle(snapshot: Snapshot, cache = new AllocationCache()): Settled {
  const { services, ledger: entries, ownership } = snapshot;
  const table = cache.tableOf(snapshot.pools, snapshot.namespaces);
  const { requestOf } = cache;
  // An address that only waits for a Service says nothing of whose the Service is when it comes back.
  const inUse = entries.filter(({ reservedUntil }) => reservedUntil === undefined);
  const bound = new Set(inUse.flatMap((entry) => entry.services.map(({ uid }) => uid)));
  const isOurs = (service: ServiceView) =>
    hasOurClass(service, ownership) || (service.isLoadBalancer && bound.has(service.uid));
  const ours = services.filter(isOurs);
  const ledger = new WorkingLedger(entries, foreignUsersOf(snapshot, bound), table.pools);
  const current = claimCurrent(ours, { ledger, table, requestOf, now: snapshot.now });
  const context = { ledger, table, requestOf, current, ownership };
  const pending = ours.filter((service) => !isSatisfied(service, context)).sort(oldestFirst);
  const adoptions = new Map(pending.map((service) => [service, adopt(service, context)]));
  for (const service of ours) guardShown(service, context);
  const decided = new Map(pending.map((service) => [service, decide(service, context, adoptions.get(service))]));
  const kept = (service: ServiceView) => cache.keptDecision(service, current.of(service), table);
  const decisions = ours.map((service) => decided.get(service) ?? kept(service));
  const { releases, nextAt } = releasesOf(ledger, { services, decisions, table, now: snapshot.now });
  const others = services.filter((service) => !isOurs(service));
  const strays = others.filter(({ conditions }) => conditions.length > 0);
  return { ledger, table, requestOf, plan: { decisions, binds: bindsOf(ledger), releases, strays, nextAt } };
}

/** Addresses that are in use by others: nodes, and Services whose status another program wrote and that have no entry. */
function foreignUsersOf(
  { nodes, services, ownership }: Snapshot,
  bound: ReadonlySet<string>,
): ReadonlyMap<Ip, ForeignUser> {
  const users = new Map<Ip, ForeignUser>();
  for (const service of services) {
    if (service.ingress.length === 0 || bound.has(service.uid) || !isForeign(service, ownership)) continue;
    if (hasOurClass(service, ownership) && isAdoptable(service, ownership)) continue;
    for (const ip of shownBy(service)) {
      users.set(ip, { who: 'a Service that another program serves', owner: undefined });
    }
  }
  for (const { addresses } of nodes) for (const ip of addresses) users.set(ip, { who: 'a node', owner: undefined });
  return users;
}
