/** IPAllocation: the ledger's entry for one address in use. */
import { allocationName, type Ip, ipToNumber, parseIp } from '../addr/ip.ts';
import { type Identity, identityOf, type RawMeta } from './meta.ts';

/** The Service that an address is bound to. */
export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** IPAllocation as the API server sends it. */
export interface RawAllocation {
  readonly metadata: RawMeta;
  readonly spec: { readonly address: string; readonly pool: string; readonly services: readonly ServiceRef[] };
}

/** What we need of an entry. */
export interface AllocationView extends Identity {
  readonly address: Ip;
  /** The address as a number, kept because every pass compares it. */
  readonly value: bigint;
  readonly pool: string;
  readonly services: readonly ServiceRef[];
}

/** The view of an entry, or undefined where its name and its address do not belong together: it proves nothing then. */
export function parseAllocation(raw: RawAllocation): AllocationView | undefined {
  const address = parseIp(raw.spec.address);
  if (address === undefined || allocationName(address) !== raw.metadata.name) return undefined;
  const { pool, services } = raw.spec;
  return { ...identityOf(raw.metadata), address, value: ipToNumber(address), pool, services };
}

/** The object that binds an address to a Service; creating it is what makes the address taken. */
export function newAllocation(address: Ip, pool: string, service: ServiceRef): object {
  const { namespace, name, uid } = service;
  return {
    apiVersion: 'berth.dev/v1beta1',
    kind: 'IPAllocation',
    metadata: { name: allocationName(address) },
    spec: { address, pool, services: [{ namespace, name, uid }] },
  };
}
