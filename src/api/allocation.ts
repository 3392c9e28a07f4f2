/** IPAllocation: the ledger's entry for one address in use, or kept back. */
import { allocationName, type Ip, ipToNumber, parseIp } from '../addr/ip.ts';
import { type Identity, identityOf, type RawMeta } from './meta.ts';
import type { ServicePort } from './service.ts';
import { parseTime } from './time.ts';

/** A Service that an address is bound to. */
export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The ports that it uses of the address, so that sharing is decided on the entry alone; absent in old entries. */
  readonly ports?: readonly ServicePort[];
}

/** What an entry says. */
export interface AllocationSpec {
  readonly address: string;
  readonly pool: string;
  readonly services: readonly ServiceRef[];
  /** Services with this key may join; it begins with the namespaces that they may be in. */
  readonly sharingKey?: string;
  /** RFC 3339. Until then the address is kept for the Services of these names, or for nobody. Absent: it is in use. */
  readonly reservedUntil?: string;
}

/** IPAllocation as the API server sends it. */
export interface RawAllocation {
  readonly metadata: RawMeta;
  readonly spec: AllocationSpec;
  readonly status?: { readonly holder?: HolderRecord };
}

/** Who answers for the address, as its speaker wrote it down. */
export interface HolderRecord {
  readonly node: string;
  /** Rises with every change of the holder. */
  readonly term: number;
}

/** What we need of an entry. */
export interface AllocationView extends Identity {
  readonly address: Ip;
  /** The address as a number, kept because every pass compares it. */
  readonly value: bigint;
  readonly pool: string;
  readonly services: readonly ServiceRef[];
  readonly sharingKey: string | undefined;
  /** Milliseconds since 1970. */
  readonly reservedUntil: number | undefined;
  readonly recorded: HolderRecord | undefined;
}

/** The view of an entry, or undefined where its name and its address do not belong together: it proves nothing then. */
export function parseAllocation({ metadata, spec, status }: RawAllocation): AllocationView | undefined {
  const address = parseIp(spec.address);
  if (address === undefined || allocationName(address) !== metadata.name) return undefined;
  const { pool, services = [], sharingKey, reservedUntil } = spec;
  const until = reservedUntil === undefined ? undefined : parseTime(reservedUntil);
  return {
    ...identityOf(metadata),
    address,
    value: ipToNumber(address),
    pool,
    services,
    sharingKey,
    reservedUntil: until,
    recorded: status?.holder && { node: status.holder.node, term: status.holder.term },
  };
}

/** The object that says this; creating it is what makes the address taken. */
export function allocationObject(
  spec: AllocationSpec & { readonly address: Ip },
  of?: Identity,
  annotations?: Readonly<Record<string, string>>,
): object {
  return {
    apiVersion: 'berth.dev/v1beta1',
    kind: 'IPAllocation',
    metadata: {
      name: allocationName(spec.address),
      // An update of anything but the entry that it was decided on is refused.
      ...(of && { uid: of.uid, resourceVersion: of.resourceVersion }),
      ...(annotations && { annotations }),
    },
    spec,
  };
}
