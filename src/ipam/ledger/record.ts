/**
 * What an entry records about its Services. Every decision about an address that a Service has is judged against it: a Service that has not
 * changed since then keeps its address, whatever other Services and pools do.
 */
import type { AllocationView } from '../../api/allocation.ts';
import { entryLimits, type ServiceRef } from '../../api/entry-fields.ts';
import { portName, type ServiceView } from '../../api/service.ts';
import { isSameList, Memo } from '../../memo/memo.ts';
import type { AllocationRequest } from '../requests.ts';
import type { Slot } from './slot.ts';

/** What the entry must record about a user of the address. */
export function refOf(service: ServiceView, slot: Slot, request: AllocationRequest): ServiceRef {
  const { namespace, name, uid } = service;
  const [ports, backends] = [recordedPorts(service), recordedBackends(request)];
  const requestedPools = fulfilledRequest(service, slot, request);
  return {
    ...{ namespace, name, uid },
    ...(ports && { ports }),
    ...(backends && { backends }),
    ...(requestedPools && { requestedPools }),
  };
}

/** Does the entry record all of this already? */
export function isRecorded(service: ServiceView, slot: Slot, request: AllocationRequest): boolean {
  return isSameRecord(recordOf(service, slot), {
    uid: service.uid,
    ports: recordedPorts(service),
    backends: recordedBackends(request),
    requestedPools: fulfilledRequest(service, slot, request),
  });
}

/** Do two records of a Service have the same content? */
export function isSameRecord(
  a: ServiceRef | undefined,
  b: { readonly [Field in 'uid' | 'ports' | 'backends' | 'requestedPools']?: ServiceRef[Field] | undefined },
): boolean {
  return (
    a !== undefined &&
    a.uid === b.uid &&
    a.backends === b.backends &&
    isSameList(a.requestedPools ?? [], b.requestedPools ?? []) &&
    areSamePorts(a.ports, b.ports)
  );
}

function recordedPorts({ ports }: ServiceView): ServiceView['ports'] | undefined {
  return ports.length <= entryLimits.ports ? ports : undefined;
}

function recordedBackends({ sharer: { key, backends } }: AllocationRequest): string | undefined {
  return key !== undefined && backends.length <= entryLimits.backends ? backends : undefined;
}

function areSamePorts(some: ServiceRef['ports'], others: ServiceRef['ports']): boolean {
  if (some === undefined || others === undefined) return some === others;
  return (
    some.length === others.length &&
    some.every(({ protocol, port }, i) => protocol === others[i]?.protocol && port === others[i]?.port)
  );
}

/**
 * Does the address fulfill the Service's request for pools? It does if its pool is requested, and also if it fulfilled the same request
 * before: a pool that was split or renamed since then renumbers no Service.
 */
export function isOfRequestedPool(service: ServiceView, slot: Slot, { pools }: AllocationRequest): boolean {
  if (pools.length === 0 || pools.includes(slot.pool)) return true;
  return isSameList(recordOf(service, slot)?.requestedPools ?? [], pools);
}

/** The request for pools that the address fulfills, or else fulfilled last. */
function fulfilledRequest(service: ServiceView, slot: Slot, request: AllocationRequest): readonly string[] | undefined {
  const { pools } = request;
  if (pools.length === 0) return undefined;
  if (!isOfRequestedPool(service, slot, request)) return recordOf(service, slot)?.requestedPools;
  const { requestedPools: most, pool: longest } = entryLimits;
  const isRecordable = pools.length <= most && pools.every((name) => name.length <= longest);
  return isRecordable ? pools : undefined;
}

/** What the entry of an address records about the Service, or about its predecessor of the same name. */
export function recordOf({ namespace, name }: ServiceView, { entry }: Pick<Slot, 'entry'>): ServiceRef | undefined {
  if (entry === undefined) return undefined;
  const [only] = entry.services;
  // Most addresses have one user, and need no index.
  if (entry.services.length < 2) return only?.name === name && only.namespace === namespace ? only : undefined;
  return byName.of(entry, [], () => indexOf(entry)).get(`${namespace}/${name}`);
}

/** The Services of each entry by `namespace/name`. Views never change. */
const byName = new Memo<AllocationView, ReadonlyMap<string, ServiceRef>>();

function indexOf({ services }: AllocationView): ReadonlyMap<string, ServiceRef> {
  return new Map(services.map((ref) => [`${ref.namespace}/${ref.name}`, ref]));
}

/**
 * How much of what decides about sharing has changed since the entry was written: 0 nothing, 1 the ports, 2 or more the key, the policy or the
 * Pods. What an old entry does not record counts as unchanged.
 */
export function changeOf(service: ServiceView, slot: Slot, { sharer }: AllocationRequest): number {
  const ref = recordOf(service, slot);
  if (ref === undefined) return 3;
  const ports = (ref.ports ?? []).map(portName);
  const isSamePorts = ports.length === service.ports.length && ports.every((port) => sharer.ports?.has(port));
  const isSameKey = slot.entry?.sharingKey === sharer.key;
  const isSameBackends = ref.backends === undefined || ref.backends === sharer.backends;
  return (isSamePorts ? 0 : 1) + (isSameKey && isSameBackends ? 0 : 2);
}
