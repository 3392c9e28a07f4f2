/** Whether a Service may have an address that it does not have yet, and if not, the reasons of docs/reasons.md. */
import { addressIn, canonical, isBuggy } from './addresses.ts';
import {
  countOf,
  entryOf,
  isObstructed,
  isOfNamespace,
  isReserved,
  isSameName,
  livingOf,
  poolOfAddress,
  refsOf,
} from './ledger.ts';
import { type Cluster, type Entry, keyOf, type Pool, type Ref, type Service } from './objects.ts';
import { barOf, homeOf } from './pools.ts';
import { backendsOf, barrierBetween, doPortsMeet, isLocalOnly, mostSharers } from './sharing.ts';
import { isLoadBalancer, shownBy, wishesOf } from './wishes.ts';

/** A reason against it. */
export interface Objection {
  readonly reason: string;
  readonly message: string;
}

/** A Service, and an address that it could have. */
export interface Match {
  readonly service: Service;
  readonly address: string;
}

/** All objections. */
export function objectionsTo(cluster: Cluster, match: Match): readonly Objection[] {
  return [
    ...poolObjections(cluster, match),
    ...ledgerObjections(cluster, match),
    ...quotaObjections(cluster, match),
    ...surroundingObjections(cluster, match),
    ...sharingObjections(cluster, match),
  ];
}

/** The objections of the pool that has the address. A Service may keep an address that it shows, even if the pool gives no new ones. */
export function poolObjections(cluster: Cluster, { service, address }: Match): readonly Objection[] {
  const ip = addressIn(address);
  const pool = ip && homeOf(cluster, ip);
  if (ip === undefined || pool === undefined) return [say('AddressNotInPool', `${address} is in no pool`)];
  const { name } = pool.metadata;
  const { addresses, pools, key } = wishesOf(service);
  const carries = shownBy(service).includes(address);
  const bar = barOf(cluster, pool, service);
  const objections: Objection[] = [];
  if (pool.spec.avoidBuggyIPs && isBuggy(ip)) objections.push(say('AddressNotInPool', `${name} avoids ${address}`));
  if (bar === 'NotForService' || bar === 'RestrictedToStrictPools')
    objections.push(say('PoolNotAllowed', `${name}: ${bar}`));
  if (carries) return objections;
  if (bar === 'Cordoned' || bar === 'Draining') objections.push(say('PoolNotActive', `${name} is ${bar}`));
  if (pools.length > 0 && !pools.includes(name)) objections.push(say('ConflictingRequest', `${name} is not asked for`));
  const asks = pools.length > 0 || addresses.size > 0 || key !== undefined;
  if (pool.spec.autoAssign === false && !asks) objections.push(say('NoPool', `${name} gives only on request`));
  const wanted = addresses.get(ip.family);
  if (wanted !== undefined && wanted !== address) objections.push(say('ConflictingRequest', `asks for ${wanted}`));
  return objections;
}

/** The objections of the ledger. */
export function ledgerObjections(cluster: Cluster, { service, address }: Match): readonly Objection[] {
  const entry = entryOf(cluster, address);
  if (entry === undefined) return [];
  const objections: Objection[] = [];
  if (isObstructed(entry) || entry.spec.quarantine) objections.push(say('AddressConflict', `${address} is another's`));
  const isForOthers = refsOf(entry).length === 0 || refsOf(entry).some((ref) => !isSameName(ref, service));
  if (isReserved(entry) && isForOthers) objections.push(say('AddressReserved', `${address} is kept back`));
  return objections;
}

/** The objections of the quota. An address that the namespace has already costs nothing. */
export function quotaObjections(cluster: Cluster, { service, address }: Match): readonly Objection[] {
  const pool = poolOfAddress(cluster, address);
  const namespace = service.metadata.namespace ?? '';
  const isCounted = isOfNamespace(entryOf(cluster, address), namespace);
  if (pool === undefined || isCounted || hasRoom(cluster, pool, { namespace, for: 1 })) return [];
  return [say('QuotaExceeded', `${namespace} has ${countOf(cluster, pool, namespace)} of ${pool.metadata.name}`)];
}

/** Whether the namespace may have this many more addresses of the pool. */
export function hasRoom(
  cluster: Pick<Cluster, 'entries' | 'pools'>,
  pool: Pool,
  { namespace, for: more }: { readonly namespace: string; readonly for: number },
): boolean {
  const { perNamespace } = pool.spec.quota ?? {};
  return perNamespace === undefined || countOf(cluster, pool, namespace) + more <= perNamespace;
}

/** The objections of other users: a node has the address, or another Service shows it, so clients still send to it. */
export function surroundingObjections(cluster: Cluster, { service, address }: Match): readonly Objection[] {
  if (isOfNode(cluster, address)) return [say('AddressInUse', `${address} is a node's`)];
  const refs = refsOf(entryOf(cluster, address));
  const others = cluster.services.filter((other) => other !== service && shownBy(other).includes(address));
  const isStranger = ({ metadata }: Service) => !refs.some(({ uid }) => uid === metadata.uid);
  const stranger = others.find((other) => isLoadBalancer(other) && isStranger(other));
  return stranger ? [say('AddressInUse', `${address} is shown by ${keyOf(stranger.metadata)}`)] : [];
}

/** The objections of the other Services that have the address. */
export function sharingObjections(cluster: Cluster, { service, address }: Match): readonly Objection[] {
  const entry = entryOf(cluster, address);
  if (entry === undefined || isReserved(entry)) return [];
  const others = refsOf(entry).filter((ref) => !isSameName(ref, service));
  const inUse = (why: string) => say('AddressInUse', `${address}: ${why}`);
  if (others.length >= mostSharers) return [inUse('too many Services share it')];
  return others.flatMap((ref) => {
    const living = livingOf(cluster, ref);
    const barrier = living ? barrierBetween(service, living) : barrierTo(entry, ref, service);
    return barrier === undefined ? [] : [inUse(`${barrier}, with ${keyOf(ref)}`)];
  });
}

/** Whether a node has this address. */
export function isOfNode({ nodes }: Pick<Cluster, 'nodes'>, address: string): boolean {
  return nodes.some(({ status }) => status?.addresses?.some((one) => canonical(one.address) === address));
}

/** The barrier to a Service that the cluster does not have. Only the ledger knows it. Old entries do not record what it needs. */
function barrierTo({ spec }: Entry, { ports, backends }: Ref, service: Service): string | undefined {
  const { key } = wishesOf(service);
  if (key === undefined || key !== spec.sharingKey) return 'Key';
  if (ports === undefined || doPortsMeet(ports, service.spec.ports)) return 'Port';
  if (backends === undefined) return isLocalOnly(service) ? 'Policy' : undefined;
  return backends === backendsOf(service) ? undefined : 'Policy';
}

function say(reason: string, message: string): Objection {
  return { reason, message };
}
