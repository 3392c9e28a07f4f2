/** Decides which address each Service gets, or why it gets none: one pure decision over the whole snapshot. */
import type { Ip } from '../addr/ip.ts';
import type { AllocationView } from '../api/allocation.ts';
import type { NamespaceView } from '../api/namespace.ts';
import type { NodeView } from '../api/node.ts';
import type { PoolView } from '../api/pool.ts';
import { oldestFirst, type ServiceView } from '../api/service.ts';
import { AllocationCache } from './allocation-cache.ts';
import type { Choices } from './choose.ts';
import { adopt, decide, guardShown, isSatisfied } from './decide.ts';
import type { Decision } from './decision.ts';
import { claimCurrent } from './ledger/current-allocations.ts';
import { type Bind, bindsOf, type Release, releasesOf } from './ledger/ledger.ts';
import { type ForeignUser, WorkingLedger } from './ledger/working-ledger.ts';
import { hasOurClass, isAdoptable, isForeign, type Ownership, shownBy } from './ownership.ts';

/** Everything that an allocation depends on. */
export interface Snapshot {
  readonly pools: readonly PoolView[];
  readonly namespaces: readonly NamespaceView[];
  readonly nodes: readonly NodeView[];
  readonly services: readonly ServiceView[];
  readonly ledger: readonly AllocationView[];
  readonly ownership: Ownership;
  /** Milliseconds since 1970. Reservations end by it. */
  readonly now: number;
}

/** The state to reach by this pass. */
export interface Plan {
  readonly decisions: readonly Decision[];
  /** Entries to write before an address appears in a status. */
  readonly binds: ReadonlyMap<Ip, Bind>;
  /** Entries, or parts of them, that are no longer needed. */
  readonly releases: readonly Release[];
  /**
   * Services that Berth does not serve (any more) but that still have conditions of Berth: the API server keeps these when the type
   * changes.
   */
  readonly strays: readonly ServiceView[];
  /** When the next reservation ends; milliseconds since 1970. */
  readonly nextAt: number | undefined;
}

/** A plan with the state that it ends in. */
export interface Settled extends Choices {
  readonly plan: Plan;
}

/**
 * Decides about every Service, so that any order of events ends in the same allocation. First, every Service keeps the addresses that
 * the ledger records for it. Then the Services whose status shows an address without an entry get that address again. Then the others
 * get addresses, the oldest first.
 *
 * | in the ledger, per family      | the Service requests  | decision                                                         |
 * |--------------------------------|-----------------------|------------------------------------------------------------------|
 * | its address                    | nothing, or this one  | keeps it, even if its pool was deleted                           |
 * | its address                    | another one, a pool   | the other one if it is available, else keeps its own             |
 * | address of a former namesake   | nothing, or this one  | gets it, unless its pool is draining                             |
 * | nothing                        | an address            | that address, or a refusal with the reason                       |
 * | nothing                        | nothing, or a pool    | the address in its status, else a shared one, else the lowest free |
 *
 * The result keeps the state of the pools, for explanations. A caller that decides repeatedly passes its cache.
 */
export function settle(snapshot: Snapshot, cache = new AllocationCache()): Settled {
  const { services, ledger: entries, ownership } = snapshot;
  const table = cache.tableOf(snapshot.pools, snapshot.namespaces);
  const { requestOf } = cache;
  // A reserved address does not make a Service ours.
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

/** Addresses that are in use outside of the ledger: by nodes, and by Services without an entry whose status another program wrote. */
function foreignUsersOf(
  { nodes, services, ownership }: Snapshot,
  bound: ReadonlySet<string>,
): ReadonlyMap<Ip, ForeignUser> {
  const users = new Map<Ip, ForeignUser>();
  for (const service of services) {
    if (service.ingress.length === 0 || bound.has(service.uid) || !isForeign(service, ownership)) continue;
    if (hasOurClass(service, ownership) && isAdoptable(service, ownership)) continue;
    for (const ip of shownBy(service)) {
      users.set(ip, { user: 'a Service that another program serves', owner: undefined });
    }
  }
  for (const { addresses } of nodes) for (const ip of addresses) users.set(ip, { user: 'a node', owner: undefined });
  return users;
}
