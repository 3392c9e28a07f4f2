/** The writes to the ledger that a pass needs: first those that bind addresses, then those that release them. */
import type { Ip } from '../../addr/ip.ts';
import type { AllocationSpec, AllocationView } from '../../api/allocation.ts';
import { entryLimits, type Quarantine, type ServiceRef } from '../../api/entry-fields.ts';
import type { ServiceView } from '../../api/service.ts';
import { formatTime } from '../../api/time.ts';
import { obstructionOf } from '../address-conflict.ts';
import type { Decision } from '../decision.ts';
import type { Isolated } from '../isolation.ts';
import type { PoolTable } from '../pool-table.ts';
import type { RequestOf } from '../requests.ts';
import { isRecorded, refOf } from './record.ts';
import { formerRefs, type Slot } from './slot.ts';
import type { WorkingLedger } from './working-ledger.ts';

/** An entry to create, or to update so that it names all Services that use the address. */
export interface Bind {
  readonly entry: AllocationView | undefined;
  /**
   * Deleted Services with the same names, which the entry will no longer contain. Before this write, a live read must confirm that they
   * are gone: a controller that does not know yet of the new Service takes it for the deleted one.
   */
  readonly former: readonly ServiceRef[];
  readonly spec: AllocationSpec & { readonly address: Ip };
}

/** An entry with Services that no longer use the address, or an entry whose reservation ended. */
export interface Release {
  readonly entry: AllocationView;
  /** The Services that must be gone, or no longer show the address, before this write. A live read must confirm it. */
  readonly former: readonly ServiceRef[];
  /** The new spec of the entry; undefined if the entry is deleted. */
  readonly spec: (AllocationSpec & { readonly address: Ip }) | undefined;
}

/** The entries to create or update. Removing a Service from an entry is a release, and not among these. */
export function bindsOf(
  ledger: WorkingLedger,
  { requestOf, isolated }: { readonly requestOf: RequestOf; readonly isolated: Isolated },
): ReadonlyMap<Ip, Bind> {
  const binds = new Map<Ip, Bind>();
  for (const slot of ledger.slots.values()) {
    if (slot.users.length === 0) continue;
    const isChanged = (service: ServiceView) => !isRecorded(service, slot, requestOf(service));
    if (isCurrent(slot) && isolated.services.filter(slot.users, isChanged).length === 0) continue;
    const refs = isolated.services.map(slot.users, (service) => refOf(service, slot, requestOf(service)));
    const services = [...formerRefs(slot), ...refs];
    const uids = new Set(services.map(({ uid }) => uid));
    const former = (slot.entry?.services ?? []).filter(({ uid }) => !uids.has(uid));
    binds.set(slot.address, { entry: slot.entry, former, spec: specOf(slot, services) });
  }
  return binds;
}

/** The state that releases depend on besides the ledger. */
interface ReleaseContext {
  readonly services: readonly ServiceView[];
  readonly decisions: readonly Decision[];
  readonly table: PoolTable;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly isolated: Isolated;
}

/** An address that another host uses can be assigned again after this time. */
const quarantineMs = 3_600_000;

/** The last time that RFC 3339 can express: the end of the year 9999. */
const lastTime = 253_402_300_799_000;

/** The entries to release, and when the next reservation ends. */
export function releasesOf(
  ledger: WorkingLedger,
  { services, decisions, table, now, isolated }: ReleaseContext,
): { readonly releases: readonly Release[]; readonly nextAt: number | undefined } {
  const releases: Release[] = [];
  let nextAt: number | undefined;
  let moving: ReadonlySet<string> | undefined;
  let living: ReadonlySet<string> | undefined;
  const isLiving = ({ namespace, name }: ServiceRef) => {
    living ??= new Set(isolated.services.filter(services, (one) => one.isLoadBalancer).map(({ key }) => key));
    return living.has(`${namespace}/${name}`);
  };
  const release = (slot: Slot, entry: AllocationView) => {
    // An entry that is being deleted waits for a finalizer of another program. One that cannot be read waits for a person.
    if ((entry.ending && slot.users.length === 0) || entry.fault !== undefined) return;
    const refs = formerRefs(slot);
    if (refs.length > 0) moving ??= movingOf(decisions, isolated);
    const former = refs.filter(({ uid }) => !moving?.has(uid));
    if (slot.users.length > 0) {
      // If all its users are new, the entry must name them first: an entry without Services would make the address free.
      const staying = remaining(entry, former);
      if (former.length > 0 && staying.length > 0) releases.push({ entry, former, spec: specOf(slot, staying) });
      return;
    }
    const until = reservedUntil(entry);
    if (until !== undefined && until > now) {
      nextAt = Math.min(until, nextAt ?? until);
    } else if (until !== undefined) {
      releases.push({ entry, former: [], spec: coolingAfter(slot, { until, now, table }) });
    } else if (former.length === refs.length) {
      releases.push({ entry, former, spec: keptBack(slot, former, { isLiving, now, table }) });
    } else if (former.length > 0) {
      releases.push({ entry, former, spec: specOf(slot, remaining(entry, former)) });
    }
  };
  for (const slot of ledger.slots.values()) {
    if (slot.entry) isolated.entries.step(slot.entry, (entry) => release(slot, entry));
  }
  return { releases, nextAt };
}

/**
 * Services whose status does not show their new addresses yet, and those about which a decision threw. They keep their former addresses: another controller, which does not know
 * of the new one, may be about to write the former one to the status, and only a newer status prevents that write.
 */
function movingOf(decisions: readonly Decision[], { services }: Isolated): ReadonlySet<string> {
  const moving = decisions.filter(
    (decision) =>
      decision.kind === 'Assigned' &&
      (decision.service.ingress.length !== decision.bindings.length ||
        decision.bindings.some(({ address }, i) => decision.service.ingress[i]?.ip !== address)),
  );
  return new Set([...moving.map(({ service }) => service), ...services.errors.keys()].map(({ uid }) => uid));
}

/** When the reservation of an entry ends; undefined: none. An invalid time, or an entry without Services and without a time, ends now. */
function reservedUntil({ reservedUntil: until, services }: AllocationView): number | undefined {
  if (until !== undefined) return Number.isNaN(until) ? 0 : until;
  return services.length === 0 ? 0 : undefined;
}

/**
 * The spec of an entry after its last Service left; undefined: it is deleted. A deleted Service may be created again with the same name,
 * so `retainFor` applies. A Service that only got another address does not need this one again.
 */
function keptBack(
  slot: Slot,
  former: readonly ServiceRef[],
  { isLiving, now, table }: Pick<ReleaseContext, 'now' | 'table'> & { readonly isLiving: (ref: ServiceRef) => boolean },
): Release['spec'] {
  const quarantine = quarantineOf(slot, former);
  if (quarantine) return { ...specOf(slot, [], now + quarantineMs), quarantine };
  const pool = table.named(slot.pool);
  if (pool === undefined) return undefined;
  const absent = pool.retainMs > 0 ? former.filter((ref) => !isLiving(ref)) : [];
  if (absent.length > 0) return specOf(slot, absent, now + pool.retainMs);
  return pool.reuseAfterMs > 0 ? specOf(slot, [], now + pool.reuseAfterMs) : undefined;
}

/**
 * The quarantine of an address that could not be announced. It names the Service that had to leave: a Service is moved a few times
 * only.
 */
function quarantineOf({ entry }: Slot, [first]: readonly ServiceRef[]): Quarantine | undefined {
  const why = entry && obstructionOf(entry);
  if (why === undefined || first === undefined) return undefined;
  const { namespace, name, uid } = first;
  const mac = entry?.conflict?.mac;
  return { service: { namespace, name, uid }, reason: why.reason, message: why.message, ...(mac && { mac }) };
}

/** The spec after `retainFor` is over and no Service with that name was created. `reuseAfter` counts from the release. */
function coolingAfter(
  slot: Slot,
  { until, now, table }: { readonly until: number; readonly now: number; readonly table: PoolTable },
): Release['spec'] {
  const pool = table.named(slot.pool);
  if (pool === undefined || slot.entry?.services.length === 0) return undefined;
  const coolUntil = until - pool.retainMs + pool.reuseAfterMs;
  return coolUntil > now ? specOf(slot, [], coolUntil) : undefined;
}

function remaining({ services }: AllocationView, former: readonly ServiceRef[]): readonly ServiceRef[] {
  return services.filter((ref) => !former.includes(ref));
}

/** Does the entry record everything but its users already? */
function isCurrent({ entry, pool, sharingKey }: Slot): boolean {
  return entry?.pool === pool && entry.sharingKey === sharingKey && entry.reservedUntil === undefined;
}

/** The namespaces whose Services had the address, without those of these Services. */
function formerNamespaces({ entry }: Slot, services: readonly ServiceRef[]): readonly string[] {
  const had = [...(entry?.services ?? []).map(({ namespace }) => namespace), ...(entry?.formerNamespaces ?? [])];
  const named = new Set(services.map(({ namespace }) => namespace));
  return [...new Set(had).difference(named)].slice(0, entryLimits.formerNamespaces);
}

function specOf(
  slot: Slot,
  services: readonly ServiceRef[],
  until?: number,
): AllocationSpec & { readonly address: Ip } {
  const { address, pool, sharingKey, adopted } = slot;
  const former = until === undefined ? [] : formerNamespaces(slot, services);
  return {
    address,
    pool,
    services,
    ...(sharingKey !== undefined && { sharingKey }),
    ...(adopted && services.length > 0 && { adopted }),
    ...(until !== undefined && { reservedUntil: formatTime(Math.min(until, lastTime)) }),
    ...(former.length > 0 && { formerNamespaces: former }),
  };
}
