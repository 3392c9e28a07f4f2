/**
 * What an entry records about its Services. Every decision about an address that a Service has is judged against it: a Service that has not
 * changed since then keeps its address, whatever other Services and pools do.
 */
import type { ServiceRef } from '../../api/allocation.ts';
import type { ServiceView } from '../../api/service.ts';
import type { AllocationRequest } from '../requests.ts';
import { portName } from '../sharing.ts';
import type { Slot } from './slot.ts';

/** The limits of the schema of an entry. Whatever is longer is not recorded. */
const longestBackends = 1_024;
const mostRequestedPools = 16;

/** What the entry must record about a user of the address. */
export function refOf(service: ServiceView, slot: Slot, request: AllocationRequest): ServiceRef {
  const { namespace, name, uid, ports } = service;
  const { key, backends } = request.sharer;
  const requestedPools = fulfilledRequest(service, slot, request);
  return {
    ...{ namespace, name, uid, ports },
    ...(key !== undefined && backends.length <= longestBackends && { backends }),
    ...(requestedPools !== undefined && { requestedPools }),
  };
}

/**
 * Does the address fulfill the Service's request for pools? It does if its pool is requested, and also if it fulfilled the same request
 * before: a pool that was split or renamed since then renumbers no Service.
 */
export function isOfRequestedPool(service: ServiceView, slot: Slot, { pools }: AllocationRequest): boolean {
  if (pools.length === 0 || pools.includes(slot.pool)) return true;
  return isSameText(recordOf(service, slot)?.requestedPools ?? [], pools);
}

/** The request for pools that the address fulfills, or else fulfilled last. */
function fulfilledRequest(service: ServiceView, slot: Slot, request: AllocationRequest): readonly string[] | undefined {
  const { pools } = request;
  if (pools.length === 0) return undefined;
  if (!isOfRequestedPool(service, slot, request)) return recordOf(service, slot)?.requestedPools;
  return pools.length <= mostRequestedPools ? pools : undefined;
}

/** What the entry of an address records about the Service, or about its predecessor of the same name. */
export function recordOf({ namespace, name }: ServiceView, { entry }: Pick<Slot, 'entry'>): ServiceRef | undefined {
  return entry?.services.find((ref) => ref.name === name && ref.namespace === namespace);
}

/** Does the entry record the Service as it is now, as far as sharing is concerned? What an old entry does not record counts as unchanged. */
export function isUnchanged(service: ServiceView, slot: Slot, { sharer }: AllocationRequest): boolean {
  const ref = recordOf(service, slot);
  if (ref === undefined || slot.entry?.sharingKey !== sharer.key) return false;
  const ports = (ref.ports ?? []).map(portName);
  const isSamePorts = ports.length === service.ports.length && ports.every((port) => sharer.ports?.has(port));
  return isSamePorts && (ref.backends === undefined || ref.backends === sharer.backends);
}

/** Are both the same, so that there is nothing to write? */
export function isSameRef(a: ServiceRef, b: ServiceRef | undefined): boolean {
  return (
    b !== undefined &&
    a.uid === b.uid &&
    a.backends === b.backends &&
    isSameText(a.requestedPools ?? [], b.requestedPools ?? []) &&
    isSameText((a.ports ?? []).map(portName), (b.ports ?? []).map(portName))
  );
}

function isSameText(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}
