/** Which Services must leave an address that they share, because a port, a policy, a selector or a key was changed. */
import type { AllocationView } from '../../api/allocation.ts';
import { oldestFirst, portName, type ServiceView } from '../../api/service.ts';
import { Memo } from '../../memo/memo.ts';
import { shownBy } from '../ownership.ts';
import type { Outcome } from '../reasons.ts';
import type { RequestOf } from '../requests.ts';
import { type Sharer, Sharers } from '../sharing.ts';
import { changeOf, recordOf } from './record.ts';
import type { Slot } from './slot.ts';
import type { WorkingLedger } from './working-ledger.ts';

interface Context {
  readonly ledger: WorkingLedger;
  readonly requestOf: RequestOf;
  /** The Service with a uid, whether or not Berth serves it. */
  readonly living: (uid: string) => ServiceView | undefined;
}

/** Has the address a user, and does its entry name another Service too? */
export function isShared({ users, entry }: Slot): boolean {
  return users.length > 0 && entry !== undefined && entry.services.length > 1;
}

/**
 * Resolves a conflict between Services that share an address. The Services that changed most since the entry was written must leave first,
 * then the younger ones. A port stays with the Service that the entry records it for, as long as that Service has the port and the address.
 */
export function separate(
  slot: Slot,
  evict: (service: ServiceView, slot: Slot, why: Outcome) => void,
  context: Context,
): void {
  const { ledger, requestOf } = context;
  slot.users.sort(oldestFirst);
  if (slot.entry && compatible.of(slot.entry, [...slot.users], () => areCompatible(slot, requestOf))) return;
  const changes = new Map(slot.users.map((service) => [service, changeOf(service, slot, requestOf(service))]));
  const change = (service: ServiceView) => changes.get(service) ?? 0;
  const sorted = slot.users.toSorted((a, b) => change(a) - change(b));
  const conflicts = conflictsAmong(sorted, requestOf, recordedPorts(slot, context));
  for (const [service, conflict] of conflicts) {
    const message = `the Service can no longer share ${slot.address}: ${conflict}`;
    ledger.leave(slot, service);
    evict(service, slot, { reason: 'SharingConflict', message });
  }
  if (conflicts.size === 0) return;
  const order = new Map(sorted.map((service, i) => [service, i]));
  slot.users.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
}

/** Entries whose Services are as recorded, and can share. Views never change, and nearly all entries are so in each pass. */
const compatible = new Memo<AllocationView, boolean>();

function areCompatible(slot: Slot, requestOf: RequestOf): boolean {
  const isChanged = (service: ServiceView) => changeOf(service, slot, requestOf(service)) > 0;
  return !slot.users.some(isChanged) && conflictsAmong(slot.users, requestOf).size === 0;
}

/** The user of each port of the address, as far as the entry records it: clients connect to it there. */
function recordedPorts(slot: Slot, { living }: Context): ReadonlyMap<string, ServiceView> {
  const isThere = (one: ServiceView) => slot.users.includes(one) || shownBy(one).includes(slot.address);
  const services = (slot.entry?.services ?? []).map(({ uid }) => living(uid)).filter((one) => one !== undefined);
  const users = new Map<string, ServiceView>();
  for (const service of services.filter(isThere).sort(oldestFirst)) {
    const before = recordOf(service, slot)?.ports?.map(portName);
    const now = new Set(service.ports.map(portName));
    // An old entry does not record the ports.
    const kept = before ? now.intersection(new Set(before)) : now;
    for (const port of kept) if (!users.has(port)) users.set(port, service);
  }
  return users;
}

/** The first port of the Service that is recorded for another one. */
function portOfOther(
  { ports = new Set() }: Sharer,
  service: ServiceView,
  recorded: ReadonlyMap<string, ServiceView>,
): string | undefined {
  return [...ports].find((port) => (recorded.get(port) ?? service) !== service);
}

/** The Services that cannot share an address with those before them that can, and why. */
function conflictsAmong(
  services: readonly ServiceView[],
  requestOf: RequestOf,
  recorded: ReadonlyMap<string, ServiceView> = new Map(),
): ReadonlyMap<ServiceView, string> {
  const sharers = new Sharers();
  const conflicts = new Map<ServiceView, string>();
  for (const service of services) {
    const { sharer } = requestOf(service);
    const taken = portOfOther(sharer, service, recorded);
    const conflict = taken === undefined ? sharers.conflictWith(service.key, sharer) : `both use port ${taken}`;
    if (conflict === undefined) sharers.set(service.key, sharer);
    else conflicts.set(service, conflict);
  }
  return conflicts;
}
