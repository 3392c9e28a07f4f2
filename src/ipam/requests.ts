/** The request of a Service, parsed and checked for contradictions. */
import { type Family, familyOf, type Ip, parseIp } from '../addr/ip.ts';
import { entryLimits } from '../api/entry-fields.ts';
import { backendsOf, portName, requestLimits, type ServiceView } from '../api/service.ts';
import { brief, listed } from '../api/text.ts';
import { isOutcome, type Outcome } from './reasons.ts';
import type { Sharer } from './sharing.ts';

/** The addresses and pools that a Service requests. */
export interface AllocationRequest {
  /** The families of the addresses that it needs, in its own order. */
  readonly families: readonly Family[];
  /** The requested address of a family. */
  readonly addresses: ReadonlyMap<Family, Ip>;
  /** The requested pools, in order; empty: any. */
  readonly pools: readonly string[];
  /** What decides about sharing. */
  readonly sharer: Sharer & { readonly backends: string };
  /** Why the request cannot be served: it is invalid or contradicts itself. */
  readonly fault: Outcome | undefined;
}

/** Gives the request of a Service, from the `AllocationCache`. */
export type RequestOf = (service: ServiceView) => AllocationRequest;

/** Parses the request of a Service. */
export function allocationRequestOf(service: ServiceView): AllocationRequest {
  const families = service.families.length === 0 ? (['IPv4'] as const) : service.families;
  const addresses = requestedAddresses(service, families);
  const sharing = normalKey(service);
  const fault = [excess(service), addresses, sharing].find(isOutcome);
  return {
    families,
    addresses: isOutcome(addresses) ? new Map() : addresses,
    pools: service.requestedPools,
    sharer: {
      key: isOutcome(sharing) ? undefined : sharing,
      ports: new Set(service.ports.map(portName)),
      backends: backendsOf(service),
    },
    fault,
  };
}

/** Has the Service more ports than its entry can record, or more requests than Berth works with? */
function excess({ ports, requests, requestedPools }: ServiceView): Outcome | undefined {
  if (ports.length > entryLimits.ports)
    return invalid(`the Service has ${ports.length} ports, and an IPAllocation has room for ${entryLimits.ports}`);
  const { addresses, pools } = requestLimits;
  if (requests.length > addresses) return invalid(`the Service requests more than ${addresses} addresses`);
  if (requestedPools.length > pools) return invalid(`the Service requests more than ${pools} pools`);
  return undefined;
}

function requestedAddresses(service: ServiceView, families: readonly Family[]): ReadonlyMap<Family, Ip> | Outcome {
  const addresses = new Map<Family, Ip>();
  for (const text of service.requests) {
    const ip = parseIp(text);
    if (ip === undefined) return invalid(`the Service requests "${brief(text)}", which is not an IP address`);
    const family = familyOf(ip);
    if (!families.includes(family)) {
      return conflicting(`the Service requests ${ip}, but its ipFamilies are ${families.join(', ')}`);
    }
    const other = addresses.get(family);
    if (other !== undefined && other !== ip) {
      return conflicting(`the Service requests two ${family} addresses: ${other} and ${ip}`);
    }
    addresses.set(family, ip);
  }
  return addresses;
}

/** `key` is valid in its own namespace only; `a,b/key` in the namespaces a and b. So no other namespace can join by guessing a key. */
function normalKey({ sharingKey, namespace }: ServiceView): string | Outcome | undefined {
  if (sharingKey === undefined) return undefined;
  const slash = sharingKey.indexOf('/');
  if (sharingKey.length > 256) return invalid(`the sharing key "${brief(sharingKey)}" is longer than 256 characters`);
  if (slash < 0) return `${namespace}/${sharingKey}`;
  const namespaces = sharingKey.slice(0, slash).split(',');
  const named = [...new Set(namespaces.map((name) => name.trim()))].sort();
  if (named.includes(namespace)) return `${named.join(',')}/${sharingKey.slice(slash + 1).trim()}`;
  return invalid(`the sharing key names the namespaces ${listed(named)}, but not the Service's own, ${namespace}`);
}

function invalid(message: string): Outcome {
  return { reason: 'InvalidRequest', message };
}

function conflicting(message: string): Outcome {
  return { reason: 'ConflictingRequest', message };
}
