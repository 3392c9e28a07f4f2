/** What must be written to the ledger: first what binds addresses, afterwards what gives them back. */
import type { Ip } from '../addr/ip.ts';
import type { AllocationSpec, AllocationView, Quarantine, ServiceRef } from '../api/allocation.ts';
import type { ServiceView } from '../api/service.ts';
import { formatTime } from '../api/time.ts';
import { obstructionOf } from './address-conflict.ts';
import { samePorts } from './current-allocations.ts';
import type { Decision } from './decision.ts';
import type { PoolTable } from './pool-table.ts';
import { formerRefs, type Slot, type WorkingLedger } from './working-ledger.ts';

/** An entry to create, or to bring up to date so that it names all who use the address. */
export interface Bind {
  readonly entry: AllocationView | undefined;
  /**
   * Former Services of the same names, which the entry names no longer then. They must really be gone before this may be written: who
   * has not heard yet that a Service was made anew takes the new one for the former.
   */
  readonly former: readonly ServiceRef[];
  readonly spec: AllocationSpec & { readonly address: Ip };
}

/** An entry that names Services that use the address no longer, or whose time is over. */
export interface Release {
  readonly entry: AllocationView;
  /** Who must really be gone, or show the address no more, before this may be written. */
  readonly former: readonly ServiceRef[];
  /** What the entry says then; undefined when it goes. */
  readonly spec: (AllocationSpec & { readonly address: Ip }) | undefined;
}

/** Entries to create or to bring up to date. Nobody is struck from an entry here: that is a release. */
export function bindsOf(ledger: WorkingLedger): ReadonlyMap<Ip, Bind> {
  const binds = new Map<Ip, Bind>();
  for (const slot of ledger.slots.values()) {
    if (slot.users.length === 0 || isRecorded(slot)) continue;
    const services = [...formerRefs(slot), ...slot.users.map(refOf)];
    const former = (slot.entry?.services ?? []).filter((ref) => !services.some(({ uid }) => uid === ref.uid));
    binds.set(slot.address, { entry: slot.entry, former, spec: specOf(slot, services) });
  }
  return binds;
}

/** What decides over releases besides the ledger itself. */
export interface ReleaseContext {
  readonly services: readonly ServiceView[];
  readonly decisions: readonly Decision[];
  readonly table: PoolTable;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** An address that another host uses is tried again after this time. */
const quarantineMs = 3_600_000;

/** What can be given back, and when the next address that is kept back can. */
export function releasesOf(
  ledger: WorkingLedger,
  { services, decisions, table, now }: ReleaseContext,
): { readonly releases: readonly Release[]; readonly nextAt: number | undefined } {
  const releases: Release[] = [];
  let nextAt: number | undefined;
  let moving: ReadonlySet<string> | undefined;
  let living: ReadonlySet<string> | undefined;
  const isLiving = ({ namespace, name }: ServiceRef) => {
    living ??= new Set(services.filter(({ isLoadBalancer }) => isLoadBalancer).map(({ key }) => key));
    return living.has(`${namespace}/${name}`);
  };
  for (const slot of ledger.slots.values()) {
    const { entry } = slot;
    if (entry === undefined) continue;
    const refs = formerRefs(slot);
    if (refs.length > 0) moving ??= movingOf(decisions);
    const former = refs.filter(({ uid }) => !moving?.has(uid));
    if (slot.users.length > 0) {
      // Where all who use it are new, the entry names them first: one of nobody would be free.
      const staying = remaining(entry, former);
      if (former.length > 0 && staying.length > 0) releases.push({ entry, former, spec: specOf(slot, staying) });
      continue;
    }
    const until = reservedUntil(entry);
    if (until !== undefined && until > now) {
      nextAt = Math.min(until, nextAt ?? until);
      continue;
    }
    if (until !== undefined) {
      releases.push({ entry, former: [], spec: coolingAfter(slot, { until, now, table }) });
    } else if (former.length === refs.length) {
      releases.push({ entry, former, spec: keptBack(slot, former, { isLiving, now, table }) });
    }
  }
  return { releases, nextAt };
}

/**
 * Services that do not show yet what they were given. What they had before stays theirs: another controller, which does not know of
 * the new address, may be about to show it, and only a newer status keeps it from that.
 */
function movingOf(decisions: readonly Decision[]): ReadonlySet<string> {
  const moving = decisions.filter(
    (decision) =>
      decision.kind === 'Assigned' &&
      (decision.service.ingress.length !== decision.bindings.length ||
        decision.bindings.some(({ address }, i) => decision.service.ingress[i]?.ip !== address)),
  );
  return new Set(moving.map(({ service }) => service.uid));
}

/** An entry without Services is kept back for nobody, until somebody's clock that we cannot read says so: at most till now. */
function reservedUntil({ reservedUntil: until, services }: AllocationView): number | undefined {
  if (until !== undefined) return Number.isNaN(until) ? 0 : until;
  return services.length === 0 ? 0 : undefined;
}

/** The last Service left. One that went altogether may come back under its name; one that moved on may not want to. */
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

/** The address could not be announced: nobody is to have it for a while. Which Service had to leave is noted, so that it is moved a few times only. */
function quarantineOf({ entry }: Slot, [first]: readonly ServiceRef[]): Quarantine | undefined {
  const why = entry && obstructionOf(entry);
  if (why === undefined || first === undefined) return undefined;
  const { namespace, name, uid } = first;
  const mac = entry?.conflict?.mac;
  return { service: { namespace, name, uid }, reason: why.reason, message: why.message, ...(mac && { mac }) };
}

/** Nobody of that name came back. The time for which nobody may have the address began when it was released. */
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

/** Does the entry say all of this already? */
function isRecorded({ entry, pool, sharingKey, users }: Slot): boolean {
  if (entry === undefined || entry.pool !== pool || entry.sharingKey !== sharingKey) return false;
  if (entry.reservedUntil !== undefined) return false;
  return users.every((user) => entry.services.some((ref) => ref.uid === user.uid && samePorts(user, ref)));
}

function specOf(
  { address, pool, sharingKey, adopted }: Slot,
  services: readonly ServiceRef[],
  until?: number,
): AllocationSpec & { readonly address: Ip } {
  return {
    address,
    pool,
    services,
    ...(sharingKey !== undefined && { sharingKey }),
    ...(adopted && services.length > 0 && { adopted }),
    ...(until !== undefined && { reservedUntil: formatTime(until) }),
  };
}

function refOf({ namespace, name, uid, ports }: ServiceView): ServiceRef {
  return { namespace, name, uid, ports };
}
