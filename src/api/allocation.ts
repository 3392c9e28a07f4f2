/** IPAllocation: the ledger's entry for one address in use, or kept back. */
import { allocationName, type Ip, ipToNumber, parseIp } from '../addr/ip.ts';
import { type Condition, type Identity, identityOf, type RawMeta } from './meta.ts';
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
  /** It was not chosen here: the Service showed it already. */
  readonly adopted?: boolean;
  /** Why the address is kept back: another host answered for it. */
  readonly quarantine?: Quarantine;
}

/** An address that could not be announced. */
export interface Quarantine {
  /** The Service that was to have it. */
  readonly service: Pick<ServiceRef, 'namespace' | 'name' | 'uid'>;
  /** The condition `Conflict` of then. */
  readonly reason: string;
  readonly message: string;
  /** The hardware address that answered; absent where no host did. */
  readonly mac?: string;
}

/** IPAllocation as the API server sends it. */
export interface RawAllocation {
  readonly metadata: RawMeta;
  readonly spec: AllocationSpec;
  readonly status?: AllocationStatus;
}

/** What the speakers wrote down of an address. */
export interface AllocationStatus {
  readonly holder?: HolderRecord;
  readonly conflict?: ConflictRecord;
  readonly conditions?: readonly Condition[];
}

/** Who holds the address. */
export interface HolderRecord {
  readonly node: string;
  /** Rises with every change of the holder. */
  readonly term: number;
  /** RFC 3339. When it began to answer; absent while it does not. */
  readonly since?: string;
  readonly links?: readonly { readonly name: string; readonly mac: string }[];
}

/** Another host that uses the address. */
export interface ConflictRecord {
  readonly mac: string;
}

/** Annotation of an entry: the name of the node that is to hold the address. The controller takes it away when it does. */
export const moveAnnotation = 'berth.dev/move-to';

/**
 * Annotation of an entry, with any value: who has the address is to get another one. It counts only while nothing new comes from the address's
 * pool, or no pool has it, and ends with the entry.
 */
export const renumberAnnotation = 'berth.dev/renumber';

/** What an entry's status says of its address: `Announced`, `Verified` and `Conflict`. */
export const allocationConditions = { announced: 'Announced', verified: 'Verified', conflict: 'Conflict' } as const;

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
  readonly adopted: boolean;
  readonly quarantine: Quarantine | undefined;
  /** The node that a person wants it at (annotation `berth.dev/move-to`), until it is there. */
  readonly moveTo: string | undefined;
  /** A person wants those who have it to get another one (annotation `berth.dev/renumber`). */
  readonly renumber: boolean;
  readonly recorded: HolderRecord | undefined;
  readonly conflict: ConflictRecord | undefined;
  readonly conditions: readonly Condition[];
}

/** Was the address ever announced, by us or by whoever served it before? */
export function wasAnnounced({ adopted, recorded }: Pick<AllocationView, 'adopted' | 'recorded'>): boolean {
  return adopted || recorded?.since !== undefined;
}

/**
 * The node that held one of these addresses with this hardware address, as far as is on record. So a node of the cluster is known as such
 * also to a speaker that does not hear it: one that has just started, or has another key.
 */
export function nodeOnRecord(entries: readonly Pick<AllocationView, 'recorded'>[], mac: string): string | undefined {
  return entries.find(({ recorded }) => recorded?.links?.some((link) => link.mac === mac))?.recorded?.node;
}

/** The condition of this type, as the speakers wrote it. */
export function allocationCondition({ conditions }: AllocationView, type: string): Condition | undefined {
  return conditions.find((one) => one.type === type);
}

/** The view of an entry, or undefined where its name and its address do not belong together: it proves nothing then. */
export function parseAllocation({ metadata, spec, status }: RawAllocation): AllocationView | undefined {
  const address = parseIp(spec.address);
  if (address === undefined || allocationName(address) !== metadata.name) return undefined;
  const { pool, services = [], sharingKey, reservedUntil, adopted = false, quarantine } = spec;
  const until = reservedUntil === undefined ? undefined : parseTime(reservedUntil);
  return {
    ...identityOf(metadata),
    address,
    value: ipToNumber(address),
    pool,
    services,
    sharingKey,
    reservedUntil: until,
    adopted,
    quarantine,
    moveTo: metadata.annotations?.[moveAnnotation],
    renumber: Object.hasOwn(metadata.annotations ?? {}, renumberAnnotation),
    recorded: status?.holder,
    conflict: status?.conflict,
    conditions: status?.conditions ?? [],
  };
}

/** What an entry in use says, to be written once more as it is. */
export function specOfEntry({ address, pool, services, sharingKey, adopted }: AllocationView) {
  return { address, pool, services, ...(sharingKey && { sharingKey }), ...(adopted && { adopted }) };
}

/** What people want of an entry, as annotations: an update that left them out would take them away. */
export function wishesOf({ moveTo, renumber }: AllocationView): Readonly<Record<string, string>> {
  return {
    ...(moveTo !== undefined && { [moveAnnotation]: moveTo }),
    ...(renumber && { [renumberAnnotation]: 'true' }),
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
