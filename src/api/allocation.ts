/** IPAllocation: the ledger's entry for one address that is in use or reserved. */
import { allocationName, type Ip, ipToNumber, parseIp } from '../addr/ip.ts';
import { isSet } from './annotations.ts';
import { type Condition, type Identity, identityOf, type RawMeta, wholeConditions } from './meta.ts';
import type { ServicePort } from './service.ts';
import { parseTime } from './time.ts';

/** A Service that uses an address. */
export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The ports of the address that it uses, so that sharing can be decided from the entry alone. Absent in old entries. */
  readonly ports?: readonly ServicePort[];
  /**
   * What the node that holds the address must have, if the Service has a sharing key: `Cluster`, or `Local` and the Pods. Absent in old
   * entries, and if the text is longer than its field.
   */
  readonly backends?: string;
  /** The request for pools that the address fulfilled when it was made, in its order. Absent: there was none, or it has too many pools. */
  readonly requestedPools?: readonly string[];
}

/** The spec of an entry. */
export interface AllocationSpec {
  readonly address: string;
  readonly pool: string;
  readonly services: readonly ServiceRef[];
  /** Services with this key may share the address. The key begins with the namespaces that they may be in. */
  readonly sharingKey?: string;
  /** RFC 3339. Until then the address is reserved for the Services with these names, or for none. Absent: it is in use. */
  readonly reservedUntil?: string;
  /** With `reservedUntil`: the namespaces whose Services had the address, and that `services` does not name. Absent: there are none. */
  readonly formerNamespaces?: readonly string[];
  /** Berth did not choose the address: the status of the Service contained it already. */
  readonly adopted?: boolean;
  /** Why the address is reserved: another host answered for it. */
  readonly quarantine?: Quarantine;
}

/** Why an address could not be announced. */
export interface Quarantine {
  /** The Service that it was assigned to. */
  readonly service: Pick<ServiceRef, 'namespace' | 'name' | 'uid'>;
  /** Reason and message of the condition `Conflict` at that time. */
  readonly reason: string;
  readonly message: string;
  /** The hardware address that answered; absent if no host did. */
  readonly mac?: string;
}

/** IPAllocation as the API server sends it. */
export interface RawAllocation {
  readonly metadata: RawMeta;
  readonly spec: AllocationSpec;
  readonly status?: AllocationStatus;
}

/** The status of an entry, written by the speakers. */
interface AllocationStatus {
  readonly holder?: HolderRecord;
  readonly conflict?: ConflictRecord;
  readonly conditions?: readonly Condition[];
}

/** The node that holds the address. */
export interface HolderRecord {
  readonly node: string;
  /** Increases with every change of the holder. */
  readonly term: number;
  /** RFC 3339. When the node began to answer for the address; absent while it does not answer. */
  readonly since?: string;
  readonly links?: readonly { readonly name: string; readonly mac: string }[];
}

/** Another host that uses the address. */
interface ConflictRecord {
  readonly mac: string;
}

/** Annotation of an entry: the name of the node that should hold the address. The controller removes it once that node does. */
export const moveAnnotation = 'berth.dev/move-to';

/**
 * Annotation of an entry, with any value but one that means no: the Services with this address must get another one. It is in effect only while the pool of
 * the address is draining, or no pool contains the address. It ends with the entry.
 */
export const renumberAnnotation = 'berth.dev/renumber';

/** The condition types of an entry: `Announced`, `Verified` and `Conflict`. */
export const allocationConditions = {
  announced: 'Announced',
  verified: 'Verified',
  conflict: 'Conflict',
  spread: 'Spread',
} as const;

/** The fields of an entry that Berth uses. */
export interface AllocationView extends Identity {
  /** RFC 3339. */
  readonly created: string;
  readonly address: Ip;
  /** The address as a number, stored because every pass compares it. */
  readonly value: bigint;
  readonly pool: string;
  readonly services: readonly ServiceRef[];
  readonly sharingKey: string | undefined;
  /** Milliseconds since 1970. */
  readonly reservedUntil: number | undefined;
  /** The address is reserved after the use by Services of these namespaces, and counts in their quotas. */
  readonly formerNamespaces: readonly string[];
  readonly adopted: boolean;
  readonly quarantine: Quarantine | undefined;
  /** The requested holder (annotation `berth.dev/move-to`), until that node holds the address. */
  readonly moveTo: string | undefined;
  /** The Services with this address must get another one (annotation `berth.dev/renumber`). */
  readonly renumber: boolean;
  readonly recorded: HolderRecord | undefined;
  readonly conflict: ConflictRecord | undefined;
  readonly conditions: readonly Condition[];
  /** It is being deleted, and waits for a finalizer: it takes no new Service. */
  readonly ending: boolean;
}

/** Was the address ever announced, by Berth or by the program that served it before? */
export function wasAnnounced({ adopted, recorded }: Pick<AllocationView, 'adopted' | 'recorded'>): boolean {
  return adopted || recorded?.since !== undefined;
}

/**
 * The node that held one of these addresses with this hardware address, according to the recorded holders. With it, a speaker that
 * receives no heartbeats from a node still recognizes that node: the speaker has just started, or has another key. The hardware address of a
 * node that was removed from the cluster is that of a foreign host.
 */
export function nodeOnRecord(
  entries: readonly Pick<AllocationView, 'recorded'>[],
  { mac, nodes }: { readonly mac: string; readonly nodes: readonly { readonly name: string }[] },
): string | undefined {
  const isNode = (name: string) => nodes.some((node) => node.name === name);
  const found = entries.find(
    ({ recorded }) => recorded?.links?.some((link) => link.mac === mac) === true && isNode(recorded.node),
  );
  return found?.recorded?.node;
}

/** The condition of this type in the entry's status. */
export function allocationCondition({ conditions }: AllocationView, type: string): Condition | undefined {
  return conditions.find((one) => one.type === type);
}

/** The view of an entry. Returns undefined if its name does not match its address: such an entry does not make an address taken. */
export function parseAllocation({ metadata, spec, status }: RawAllocation): AllocationView | undefined {
  const address = parseIp(spec.address);
  if (address === undefined || allocationName(address) !== metadata.name) return undefined;
  const { pool, services = [], sharingKey, reservedUntil, formerNamespaces = [], adopted = false, quarantine } = spec;
  const until = reservedUntil === undefined ? undefined : parseTime(reservedUntil);
  return {
    ...identityOf(metadata),
    created: metadata.creationTimestamp ?? '',
    address,
    value: ipToNumber(address),
    pool,
    services,
    sharingKey,
    reservedUntil: until,
    formerNamespaces: until === undefined ? [] : formerNamespaces,
    adopted,
    quarantine,
    moveTo: metadata.annotations?.[moveAnnotation]?.trim(),
    renumber: isSet(metadata.annotations, renumberAnnotation),
    recorded: status?.holder,
    conflict: status?.conflict,
    conditions: wholeConditions(status?.conditions),
    ending: metadata.deletionTimestamp !== undefined,
  };
}

/** A new entry with this spec. Creating it makes the address taken. */
export function allocationObject(spec: AllocationSpec & { readonly address: Ip }): object {
  const metadata = { name: allocationName(spec.address) };
  return { apiVersion: 'berth.dev/v1beta1', kind: 'IPAllocation', metadata, spec };
}

/** What is to be changed in an entry. */
interface AllocationChange {
  /** The new spec, as a whole; undefined: it stays. */
  readonly spec?: AllocationSpec;
  /** Annotations to set, or to remove (null). */
  readonly annotations?: Readonly<Record<string, string | null>>;
}

/** Removes what people requested of an entry. */
export const withoutWishes = { [moveAnnotation]: null, [renumberAnnotation]: null } as const;

/** Removes the request to move. */
export const withoutMove = { [moveAnnotation]: null } as const;

/**
 * A change of an entry as a merge patch (RFC 7396): labels, annotations, owners and finalizers of other writers stay. The API server refuses
 * it if the entry has changed since it was read.
 */
export function allocationPatch({ spec, annotations }: AllocationChange, { resourceVersion }: Identity): object {
  const metadata = { resourceVersion, ...(annotations && { annotations }) };
  return spec === undefined ? { metadata } : { metadata, spec: { ...absent, ...spec } };
}

/** The optional fields of a spec. A merge patch removes a field only if it names it. */
const absent = {
  sharingKey: null,
  reservedUntil: null,
  formerNamespaces: null,
  adopted: null,
  quarantine: null,
} as const;
