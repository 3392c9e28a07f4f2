/**
 * The fields of an IPAllocation, read without trust: a person may have edited them, by a schema of another version or none. A field that does
 * not fit the schema is left out. It must not stop a decision, and could not be written back.
 */
import type { ServicePort } from './service.ts';

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

/** The node that holds the address. */
export interface HolderRecord {
  readonly node: string;
  /** Increases with every change of the holder. */
  readonly term: number;
  /** RFC 3339. When the node began to answer for the address; absent while it does not answer. */
  readonly since?: string;
  readonly links?: readonly { readonly name: string; readonly mac: string }[];
}

/** The limits of the schema of an entry. Nothing that is longer is written. */
export const entryLimits = {
  services: 128,
  ports: 16_384,
  backends: 1_024,
  requestedPools: 16,
  pool: 253,
  /** Names of Services and namespaces. */
  name: 63,
  uid: 64,
  sharingKey: 512,
  formerNamespaces: 256,
} as const;

/** A text of at most this length. */
export function isText(value: unknown, most: number = Number.POSITIVE_INFINITY): value is string {
  return typeof value === 'string' && value.length <= most;
}

/** Are these so many texts at most, none longer than that? */
function areTexts(value: unknown, most: number, longest: number): value is readonly string[] {
  return Array.isArray(value) && value.length <= most && value.every((one) => isText(one, longest));
}

/** The Services of an entry, without those that no Service can be. */
export function servicesIn(value: unknown): readonly ServiceRef[] {
  return Array.isArray(value) ? value.slice(0, entryLimits.services).flatMap((one) => refIn(one) ?? []) : [];
}

function refIn(value: unknown): ServiceRef | undefined {
  const { ports, backends, requestedPools, ...name } = (value ?? {}) as Partial<ServiceRef>;
  const known = nameIn(name);
  if (known === undefined) return undefined;
  const { requestedPools: most, pool } = entryLimits;
  return {
    ...known,
    ...(arePorts(ports) && { ports }),
    ...(isText(backends, entryLimits.backends) && { backends }),
    ...(areTexts(requestedPools, most, pool) && { requestedPools }),
  };
}

function nameIn(value: unknown): Quarantine['service'] | undefined {
  const { namespace, name, uid } = (value ?? {}) as Partial<ServiceRef>;
  const isName = isText(namespace, entryLimits.name) && isText(name, entryLimits.name);
  return isName && isText(uid, entryLimits.uid) ? { namespace, name, uid } : undefined;
}

const protocols: ReadonlySet<unknown> = new Set(['TCP', 'UDP', 'SCTP']);

function arePorts(value: unknown): value is readonly ServicePort[] {
  if (!Array.isArray(value) || value.length > entryLimits.ports) return false;
  const isPort = (one: Partial<ServicePort> | null) =>
    protocols.has(one?.protocol) && Number.isInteger(one?.port) && (one?.port ?? 0) > 0 && (one?.port ?? 0) < 65_536;
  return value.every(isPort);
}

/** The namespaces that had the address. */
export function namespacesIn(value: unknown): readonly string[] {
  return areTexts(value, entryLimits.formerNamespaces, entryLimits.name) ? value : [];
}

/** The record of a conflict. */
export function quarantineIn(value: unknown): Quarantine | undefined {
  const { service, reason, message, mac } = (value ?? {}) as Partial<Quarantine>;
  const known = nameIn(service);
  if (known === undefined || !isText(reason) || !isText(message)) return undefined;
  return { service: known, reason, message, ...(isText(mac) && { mac }) };
}

/** The record of the holder. */
export function holderIn(value: unknown): HolderRecord | undefined {
  const { node, term, since, links } = (value ?? {}) as Partial<HolderRecord>;
  if (!isText(node) || !Number.isInteger(term)) return undefined;
  const isLink = (one: { readonly name?: unknown; readonly mac?: unknown } | null) =>
    isText(one?.name) && isText(one.mac);
  return {
    ...{ node, term: term as number },
    ...(isText(since) && { since }),
    ...(Array.isArray(links) && { links: links.filter(isLink) }),
  };
}
