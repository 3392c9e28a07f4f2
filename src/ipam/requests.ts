/** What a Service asks for, read once and checked against itself. */
import { type Family, familyOf, type Ip, parseIp } from '../addr/ip.ts';
import type { ServiceView } from '../api/service.ts';
import { brief, listed, type Outcome } from './reasons.ts';

/** A Service's wishes. */
export interface AllocationRequest {
  /** The families that it needs addresses of, in its own order. */
  readonly families: readonly Family[];
  /** The address that it wants of a family. */
  readonly addresses: ReadonlyMap<Family, Ip>;
  /** The pools that it wants, in order; empty for any. */
  readonly pools: readonly string[];
  /** Begins with the sorted namespaces that may share by it, so that a key means the same wherever it is written. */
  readonly sharingKey: string | undefined;
  /** Why none of this can be served: the wishes are no wishes, or contradict each other. */
  readonly fault: Outcome | undefined;
}

/** Gives what a Service asks for, read once: see `AllocationCache`. */
export type RequestOf = (service: ServiceView) => AllocationRequest;

/** What a Service asks for. */
export function allocationRequestOf(service: ServiceView): AllocationRequest {
  const families = service.families.length === 0 ? (['IPv4'] as const) : service.families;
  const addresses = requestedAddresses(service, families);
  const sharing = normalKey(service);
  return {
    families,
    addresses: 'reason' in addresses ? new Map() : addresses,
    pools: service.requestedPools,
    sharingKey: typeof sharing === 'object' ? undefined : sharing,
    fault: 'reason' in addresses ? addresses : typeof sharing === 'object' ? sharing : undefined,
  };
}

function requestedAddresses(service: ServiceView, families: readonly Family[]): ReadonlyMap<Family, Ip> | Outcome {
  const addresses = new Map<Family, Ip>();
  for (const text of service.requests) {
    const ip = parseIp(text);
    if (ip === undefined) return invalid(`asks for "${brief(text)}", which is no IP address`);
    const family = familyOf(ip);
    if (!families.includes(family)) {
      return conflicting(`asks for ${ip}, but the Service's ipFamilies are ${families.join(', ')}`);
    }
    const other = addresses.get(family);
    if (other !== undefined && other !== ip) return conflicting(`asks for two ${family} addresses: ${other} and ${ip}`);
    addresses.set(family, ip);
  }
  return addresses;
}

/** `key` is good in its own namespace; `a,b/key` in the namespaces a and b, so nobody can join by guessing. */
function normalKey({ sharingKey, namespace }: ServiceView): string | Outcome | undefined {
  if (sharingKey === undefined) return undefined;
  const slash = sharingKey.indexOf('/');
  if (sharingKey.length > 256) return invalid(`its sharing key "${brief(sharingKey)}" is longer than 256 characters`);
  if (slash < 0) return `${namespace}/${sharingKey}`;
  const namespaces = sharingKey.slice(0, slash).split(',');
  const named = [...new Set(namespaces.map((name) => name.trim()))].sort();
  if (named.includes(namespace)) return `${named.join(',')}/${sharingKey.slice(slash + 1)}`;
  return invalid(`its sharing key is for the namespaces ${listed(named)}, not for its own, ${namespace}`);
}

function invalid(message: string): Outcome {
  return { reason: 'InvalidRequest', message };
}

function conflicting(message: string): Outcome {
  return { reason: 'ConflictingRequest', message };
}
