/** What follows from the ledger's entries: the users of an address, the addresses kept back, and how much of a pool a namespace has. */
import { addressIn, type Family } from './addresses.ts';
import type { Cluster, Entry, Pool, Ref, Service } from './objects.ts';
import { homeOf, poolOfEntry } from './pools.ts';
import { isEnding, isLoadBalancer, isOurs } from './wishes.ts';

/** The entry of an address. */
export function entryOf({ entries }: Pick<Cluster, 'entries'>, address: string): Entry | undefined {
  return entries.find(({ spec }) => spec.address === address);
}

/** The Services that an entry names. */
export function refsOf(entry: Entry | undefined): readonly Ref[] {
  return entry?.spec.services ?? [];
}

/** Whether the address is kept back and not in use. */
export function isReserved({ spec }: Entry): boolean {
  return spec.reservedUntil !== undefined;
}

/** The end of the reservation, in milliseconds since 1970. An entry without Services and without a time is no longer reserved. */
export function reservedUntil({ spec }: Entry): number {
  return Date.parse(spec.reservedUntil ?? '') || 0;
}

/** Whether the names are equal. The Service is then the same, or an earlier one with the same name. */
export function isSameName(ref: Ref, { metadata }: Pick<Service, 'metadata'>): boolean {
  return ref.namespace === metadata.namespace && ref.name === metadata.name;
}

/** The entries of the addresses that the Service has, by its uid. */
export function entriesOf({ entries }: Pick<Cluster, 'entries'>, { metadata }: Service): readonly Entry[] {
  return entries.filter((entry) => !isReserved(entry) && refsOf(entry).some(({ uid }) => uid === metadata.uid));
}

/** The family of an entry's address. */
export function familyOf({ spec }: Entry): Family {
  return addressIn(spec.address)?.family ?? 'IPv4';
}

/** The living Service with the uid that the entry names. */
export function livingOf({ services }: Pick<Cluster, 'services'>, ref: Ref): Service | undefined {
  const service = services.find(({ metadata }) => metadata.uid === ref.uid);
  return service && isLoadBalancer(service) && !isEnding(service) ? service : undefined;
}

/** The living Service that was created again under the name that the entry names, if Berth serves it: by its class. */
export function successorOf(cluster: Pick<Cluster, 'services' | 'entries' | 'rules'>, ref: Ref): Service | undefined {
  return cluster.services.find((one) => isSameName(ref, one) && isOurs(one, cluster) && !isEnding(one));
}

/** The pool that an address counts for: the one in its entry, or if it has no entry, the one that would give it out. */
export function poolOfAddress(cluster: Pick<Cluster, 'entries' | 'pools'>, address: string): Pool | undefined {
  const [ip, entry] = [addressIn(address), entryOf(cluster, address)];
  if (entry === undefined) return ip && homeOf(cluster, ip);
  const name = poolOfEntry(cluster, entry);
  return cluster.pools.find(({ metadata }) => metadata.name === name);
}

/** How many addresses of a pool a namespace has, with those that are kept back for its Services or after their use. */
export function countOf(cluster: Pick<Cluster, 'entries' | 'pools'>, pool: Pool, namespace: string): number {
  const isCounted = (entry: Entry) =>
    poolOfEntry(cluster, entry) === pool.metadata.name && isOfNamespace(entry, namespace);
  return cluster.entries.filter(isCounted).length;
}

/** Whether a Service of the namespace has the address, or had it before it was kept back. */
export function isOfNamespace(entry: Entry | undefined, namespace: string): boolean {
  const { formerNamespaces = [] } = entry && isReserved(entry) ? entry.spec : {};
  return formerNamespaces.includes(namespace) || refsOf(entry).some((ref) => ref.namespace === namespace);
}

/** The reservation of an address that was given back: the Services that it waits for, and its end. Undefined: the entry is deleted. */
export interface Waiting {
  readonly for: readonly string[];
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** An address that another host has is kept back for this long. */
const quarantineMs = 3_600_000;

/**
 * What happens to an entry when its Services leave it. With `retainFor` it waits for Services of the same names if they are deleted. With
 * `reuseAfter` it is kept back for that time after the release.
 */
export function waitingAfter(cluster: Cluster, entry: Entry): Waiting | undefined {
  const { now } = cluster;
  const name = poolOfEntry(cluster, entry);
  const pool = cluster.pools.find(({ metadata }) => metadata.name === name);
  const [retainMs, reuseMs] = [durationIn(pool?.spec.retainFor), durationIn(pool?.spec.reuseAfter)];
  if (isReserved(entry)) {
    const until = reservedUntil(entry) - retainMs + reuseMs;
    return refsOf(entry).length > 0 && pool && until > now ? { for: [], until } : undefined;
  }
  if (isObstructed(entry)) return { for: [], until: now + quarantineMs };
  const isThere = (ref: Ref) =>
    cluster.services.some((one) => isSameName(ref, one) && isLoadBalancer(one) && !isEnding(one));
  const absent = refsOf(entry).filter((ref) => !isThere(ref));
  if (retainMs > 0 && absent.length > 0) return { for: absent.map(({ uid }) => uid), until: now + retainMs };
  return reuseMs > 0 ? { for: [], until: now + reuseMs } : undefined;
}

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** "A duration such as 90s, 10m or 1h30m (h, m, s, ms)." */
export function durationIn(text = '0s'): number {
  const parts = [...text.matchAll(/(\d+)(ms|[hms])/g)];
  return parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (unitMs[unit] ?? 0), 0);
}

/** Whether the address was never announced and cannot be: another host has it, or it is the first or last one of its subnet. */
export function isObstructed({ spec, status }: Entry): boolean {
  if (spec.adopted === true || status?.holder?.since !== undefined) return false;
  const conflict = status?.conditions?.find(({ type }) => type === 'Conflict');
  return conflict?.status === 'True' && ['AddressTaken', 'NetworkAddress'].includes(conflict.reason);
}
