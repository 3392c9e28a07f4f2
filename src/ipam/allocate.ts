/** Decides which address each Service gets, or why it gets none: one pure decision over the whole snapshot. */
import type { Ip } from '../addr/ip.ts';
import type { AllocationView } from '../api/allocation.ts';
import type { NamespaceView } from '../api/namespace.ts';
import type { NodeView } from '../api/node.ts';
import type { PoolView } from '../api/pool.ts';
import { oldestFirst, type ServiceView } from '../api/service.ts';
import { AllocationCache } from './allocation-cache.ts';
import type { Choices } from './choose.ts';
import { adopt, type DecisionContext, decide, guardShown, isSatisfied } from './decide.ts';
import { type Decision, refused } from './decision.ts';
import { type Isolated, Isolation } from './isolation.ts';
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
  /** The Services and entries about which a decision threw, and what it threw: a fault in Berth. They stay as they are. */
  readonly errors: ReadonlyMap<Pick<ServiceView | AllocationView, 'name'>, unknown>;
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
  const isolated = { services: new Isolation<ServiceView>(), entries: new Isolation<AllocationView>() };
  for (;;) {
    const settled = settleWhole(snapshot, { cache, isolated });
    // An address cannot be bound as decided: decide again without its Service.
    if (settled !== undefined) return settled;
  }
}

/** What an attempt has from the attempt before: the caches, and the objects for which a step threw. */
interface Attempt {
  readonly cache: AllocationCache;
  readonly isolated: Isolated;
}

/** Decides about all Services for which no step threw so far. Undefined: a step threw after the decisions were made. */
function settleWhole(snapshot: Snapshot, { cache, isolated }: Attempt): Settled | undefined {
  const { ledger: entries, ownership, now } = snapshot;
  const services = isolated.services.whole(snapshot.services);
  const table = cache.tableOf(snapshot.pools, snapshot.namespaces);
  const { requestOf } = cache;
  // A reserved address does not make a Service ours.
  const inUse = entries.filter(({ reservedUntil }) => reservedUntil === undefined);
  const bound = new Set(inUse.flatMap((entry) => entry.services.map(({ uid }) => uid)));
  const isBound = ({ uid }: ServiceView) => bound.has(uid);
  const isOurs = (service: ServiceView) =>
    hasOurClass(service, ownership) || (service.isLoadBalancer && isBound(service));
  const ours = isolated.services.filter(services, isOurs);
  const living = livingIn(services, isolated);
  const ledger = new WorkingLedger(entries, foreignUsersOf({ ...snapshot, bound, isolated }), {
    pools: table.pools,
    requestOf,
    living,
  });
  const current = claimCurrent(ours, { ledger, table, requestOf, living, now, isolated });
  const context = { ledger, table, requestOf, current, ownership, isBound };
  const decided = decideAll(ours, { ...context, services: snapshot.services, cache, isolated });
  const failed = new Map(isolated.services.errors);
  // What a Service had taken before a step threw stays as it is in the ledger.
  ledger.dismiss((service) => failed.has(service), isolated.services);
  const refusals = new Isolation<ServiceView>().filter([...failed.keys()], isOurs);
  const decisions = [...decided, ...refusals.map((service) => failure(service, failed.get(service)))];
  const binds = bindsOf(ledger, { requestOf, isolated });
  if (isolated.services.errors.size > failed.size) return undefined;
  const { releases, nextAt } = releasesOf(ledger, { services: snapshot.services, decisions, table, now, isolated });
  const served = new Set(ours);
  const isStray = (service: ServiceView) => service.conditions.length > 0 && !served.has(service);
  const strays = isolated.services.filter(services, isStray);
  const errors = new Map<ServiceView | AllocationView, unknown>([
    ...isolated.services.errors,
    ...isolated.entries.errors,
  ]);
  return { ledger, table, requestOf, plan: { decisions, binds, releases, strays, nextAt, errors } };
}

/** Decides about the Services that Berth serves: first about the addresses in their status, then about new ones. */
function decideAll(
  ours: readonly ServiceView[],
  { services, cache, isolated, ...context }: DecisionContext & Attempt & Pick<Snapshot, 'services'>,
): readonly Decision[] {
  const { current, table } = context;
  const each = isolated.services;
  const pending = each.filter(ours, (service) => !isSatisfied(service, context)).sort(oldestFirst);
  const conflicts = new Map(each.map(pending, (service) => [service, adopt(service, context)]));
  for (const service of services) each.step(service, () => guardShown(service, context));
  const decided = new Map(each.map(pending, (service) => [service, decide(service, context, conflicts.get(service))]));
  const kept = (service: ServiceView) => cache.keptDecision(service, current.of(service), table);
  return each.map(ours, (service) => decided.get(service) ?? kept(service));
}

/** Gives the Service with a uid. Few passes need one. */
function livingIn(services: readonly ServiceView[], isolated: Isolated): (uid: string) => ServiceView | undefined {
  let byUid: ReadonlyMap<string, ServiceView> | undefined;
  return (uid) => {
    byUid ??= new Map(isolated.services.map(services, (service) => [service.uid, service]));
    return byUid.get(uid);
  };
}

/** The refusal of a Service for which a step threw. It keeps the addresses that it has. */
function failure(service: ServiceView, error: unknown): Decision {
  const cause = error instanceof Error ? error.message : String(error);
  return refused(service, { reason: 'InternalError', message: `Berth cannot decide about it: ${cause}` }, true);
}

/** Addresses that are in use outside of the ledger: by nodes, and by Services without an entry whose status another program wrote. */
function foreignUsersOf({
  nodes,
  services,
  ownership,
  bound,
  isolated,
}: Snapshot & Pick<Attempt, 'isolated'> & { readonly bound: ReadonlySet<string> }): ReadonlyMap<Ip, ForeignUser> {
  const users = new Map<Ip, ForeignUser>();
  isolated.services.each(services, (service) => {
    if (service.ingress.length === 0 || bound.has(service.uid) || !isForeign(service, ownership)) return;
    if (hasOurClass(service, ownership) && isAdoptable(service, ownership)) return;
    for (const ip of shownBy(service)) {
      users.set(ip, { user: 'a Service that another program serves', owner: undefined });
    }
  });
  for (const { addresses } of nodes) for (const ip of addresses) users.set(ip, { user: 'a node', owner: undefined });
  return users;
}
