/** IPAllocation: the ledger's entry for one address that is in use or reserved. */
import { allocationName, type Ip, ipToNumber, parseIp } from '../addr/ip.ts';
import { isSet } from './annotations.ts';
import {
  entryLimits,
  type HolderRecord,
  holderIn,
  isText,
  namespacesIn,
  type Quarantine,
  quarantineIn,
  type ServiceRef,
  servicesIn,
} from './entry-fields.ts';
import { type Condition, type Identity, identityOf, type RawMeta, wholeConditions } from './meta.ts';
import { brief } from './text.ts';
import { parseTime } from './time.ts';

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
  /** Why the entry cannot be read: its address is taken, and no Service has it until a person deletes the entry. undefined: it can. */
  readonly fault: string | undefined;
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

/**
 * The view of an entry. Its name alone makes an address taken: the API server refuses a second object of this name, whatever this one holds.
 * Undefined: the name stands for no address.
 */
export function parseAllocation({ metadata, spec, status }: RawAllocation): AllocationView | undefined {
  const address = addressNamed(metadata.name);
  if (address === undefined) return undefined;
  // A person may have written anything.
  const fault = faultIn(address, spec);
  const fields: { readonly [Field in keyof AllocationSpec]?: unknown } = fault === undefined ? spec : {};
  const { pool, sharingKey, reservedUntil } = fields;
  const until = reservedUntil === undefined ? undefined : parseTime(String(reservedUntil));
  const { holder, conflict, conditions } = (status ?? {}) as { readonly [Field in keyof AllocationStatus]: unknown };
  const mac = (conflict as Partial<ConflictRecord> | null | undefined)?.mac;
  return {
    ...identityOf(metadata),
    created: metadata.creationTimestamp ?? '',
    address,
    value: ipToNumber(address),
    pool: isText(pool, entryLimits.pool) ? pool : '',
    services: servicesIn(fields.services),
    sharingKey: isText(sharingKey, entryLimits.sharingKey) ? sharingKey : undefined,
    reservedUntil: until,
    formerNamespaces: until === undefined ? [] : namespacesIn(fields.formerNamespaces),
    adopted: fields.adopted === true,
    quarantine: quarantineIn(fields.quarantine),
    moveTo: metadata.annotations?.[moveAnnotation]?.trim(),
    renumber: isSet(metadata.annotations, renumberAnnotation),
    recorded: holderIn(holder),
    conflict: isText(mac) ? { mac } : undefined,
    conditions: wholeConditions(conditions),
    ending: metadata.deletionTimestamp !== undefined,
    fault,
  };
}

/** The address whose entry has this name. */
function addressNamed(name: string): Ip | undefined {
  const address = parseIp(name) ?? parseIp(name.replaceAll('-', ':'));
  return address !== undefined && allocationName(address) === name ? address : undefined;
}

function faultIn(address: Ip, spec: Partial<AllocationSpec> | undefined): string | undefined {
  const written: unknown = spec?.address;
  if (written === address || (isText(written) && parseIp(written) === address)) return undefined;
  return `spec.address is ${brief(JSON.stringify(written) ?? 'absent')}, but must be ${address}`;
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
