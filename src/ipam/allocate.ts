/** Which address each Service gets, and why not: one pure decision over the whole snapshot. */
import { familyOf, type Ip, parseIp } from '../addr/ip.ts';
import type { AllocationView } from '../api/allocation.ts';
import type { PoolView } from '../api/pool.ts';
import type { ServiceView } from '../api/service.ts';
import { hasOurClass, isContested, type Ownership } from './ownership.ts';
import { type Choice, FreeAddresses } from './pools.ts';
import type { Outcome } from './reasons.ts';

/** All that an allocation depends on. */
export interface Snapshot {
  readonly pools: readonly PoolView[];
  readonly services: readonly ServiceView[];
  readonly ledger: readonly AllocationView[];
  readonly ownership: Ownership;
}

/** A Service of ours and its address; `create` when the ledger does not have the binding yet. */
export interface Assigned extends Outcome {
  readonly kind: 'Assigned';
  readonly service: ServiceView;
  readonly address: Ip;
  readonly pool: string;
  readonly create: boolean;
}

/** A Service of ours that gets no address now. */
export interface Refused extends Outcome {
  readonly kind: 'Refused';
  readonly service: ServiceView;
}

/** A decision about one Service of ours. */
export type Decision = Assigned | Refused;

/** What must be true after this pass. */
export interface Plan {
  readonly decisions: readonly Decision[];
  /** Entries that no Service of ours needs any longer. */
  readonly releases: readonly AllocationView[];
  /** Services that are not ours (any longer) and still carry conditions of ours: the API server keeps them on a change of type. */
  readonly strays: readonly ServiceView[];
}

/**
 * Decides every Service, the oldest first, so that any order of events ends in the same allocation.
 *
 * | in the ledger | asks for       | = decision                                          |
 * |---------------|----------------|-----------------------------------------------------|
 * | its address   | nothing, or it | keeps it, also when its pool is gone                |
 * | its address   | another one    | the other one if it can be had, else keeps its own  |
 * | nothing       | an address     | that address, or refused with the reason            |
 * | nothing       | nothing        | what its status shows if we wrote it, else the lowest free one |
 */
export function planAllocations(snapshot: Snapshot): Plan {
  const free = new FreeAddresses(snapshot.pools, snapshot.ledger);
  const held = ledgerByService(snapshot.ledger);
  const [services, others] = partition(
    snapshot.services,
    (service) => hasOurClass(service, snapshot.ownership) || (service.isLoadBalancer && held.has(service.uid)),
  );
  const decisions: Decision[] = [];
  const kept = new Set<Ip>();
  for (const service of services.sort(oldestFirst)) {
    const decision = decide(service, { free, held: held.get(service.uid) ?? [], ownership: snapshot.ownership });
    decisions.push(decision);
    if (decision.kind === 'Refused') continue;
    // What the ledger has is taken already.
    if (decision.create) free.take(decision.address);
    kept.add(decision.address);
  }
  return {
    decisions,
    releases: snapshot.ledger.filter(({ address }) => !kept.has(address)),
    strays: others.filter(({ conditions }) => conditions.length > 0),
  };
}

interface Context {
  readonly free: FreeAddresses;
  readonly held: readonly AllocationView[];
  readonly ownership: Ownership;
}

function decide(service: ServiceView, context: Context): Decision {
  const current = currentEntry(service, context.held);
  const requested = requestedAddress(service);
  if (isRefusal(requested))
    return current ? keep(service, current, requested) : { kind: 'Refused', service, ...requested };
  if (current !== undefined) return decideHeld(service, { ...context, current, requested });
  if (isContested(service, context.ownership)) return { kind: 'Refused', service, ...contested(service) };
  const choice = chooseAddress(requested ?? ownStatusAddress(service, context), context.free);
  return isRefusal(choice) ? { kind: 'Refused', service, ...choice } : assign(service, choice);
}

/** A Service that has an address keeps it, unless it asks for another one that can be had. */
function decideHeld(
  service: ServiceView,
  {
    free,
    current,
    requested,
    ownership,
  }: Context & { readonly current: AllocationView; readonly requested: Ip | undefined },
): Decision {
  const overwritten = isContested(service, ownership) && service.ingress.some(({ ip }) => ip !== current.address);
  if (overwritten) return keep(service, current, contested(service));
  if (requested === undefined || requested === current.address) return keep(service, current);
  const choice = chooseAddress(requested, free);
  return isRefusal(choice) ? keep(service, current, choice) : assign(service, choice);
}

function assign(service: ServiceView, { address, pool }: Choice): Assigned {
  return { kind: 'Assigned', service, address, pool, create: true, ...allocated(address, pool) };
}

function keep(service: ServiceView, { address, pool }: AllocationView, refused?: Outcome): Assigned {
  const outcome = refused && { reason: refused.reason, message: `${refused.message}; keeps ${address}` };
  return { kind: 'Assigned', service, address, pool, create: false, ...(outcome ?? allocated(address, pool)) };
}

function contested({ ingressWriters }: ServiceView): Outcome {
  const writer = ingressWriters.join(', ') || 'another program';
  return { reason: 'StatusContested', message: `status.loadBalancer is written by ${writer}; Berth leaves it alone` };
}

function allocated(address: Ip, pool: string): Outcome {
  return { reason: 'Allocated', message: `${address} from pool ${pool}` };
}

function chooseAddress(requested: Ip | undefined, free: FreeAddresses): Choice | Outcome {
  if (free.pools.length === 0) return { reason: 'NoPool', message: 'there is no IPAddressPool' };
  if (requested === undefined) return free.lowest() ?? exhausted(free.pools);
  const pool = free.poolOf(requested);
  if (pool === undefined) return { reason: 'AddressNotInPool', message: `${requested} is in no IPAddressPool` };
  if (!free.isFree(requested)) return { reason: 'AddressInUse', message: `${requested} is in use by another Service` };
  return { address: requested, pool };
}

function exhausted(pools: readonly PoolView[]): Outcome {
  const names = pools.filter(({ autoAssign, ranges }) => autoAssign && ranges.length > 0).map(({ name }) => name);
  if (names.length === 0)
    return { reason: 'NoPool', message: 'no IPAddressPool gives addresses by itself (autoAssign)' };
  return { reason: 'PoolExhausted', message: `no free IPv4 address in ${names.join(', ')}` };
}

/** The one address that the Service asks for; undefined when it leaves the choice to us. */
function requestedAddress(service: ServiceView): Ip | Outcome | undefined {
  const ipv4 = service.families.length === 0 || service.families.includes('IPv4');
  if (!ipv4 || service.familyPolicy === 'RequireDualStack') {
    return { reason: 'FamilyNotServed', message: 'this version serves IPv4 only' };
  }
  if (service.requests.length > 1) {
    return {
      reason: 'InvalidRequest',
      message: `asks for more than one address: ${brief(service.requests.join(', '))}`,
    };
  }
  const [text] = service.requests;
  if (text === undefined) return undefined;
  const ip = parseIp(text);
  if (ip === undefined)
    return { reason: 'InvalidRequest', message: `asks for "${brief(text)}", which is no IP address` };
  if (familyOf(ip) === 'IPv4') return ip;
  return { reason: 'FamilyNotServed', message: `asks for ${ip}; this version serves IPv4 only` };
}

/** An address that we wrote to the status once and whose entry is gone: given back if it is free and in a pool. */
function ownStatusAddress({ ingress }: ServiceView, { free }: Context): Ip | undefined {
  const ip = parseIp(ingress[0]?.ip ?? '');
  return ip !== undefined && free.isFree(ip) && free.poolOf(ip) !== undefined ? ip : undefined;
}

/** A crash between the two writes of a move leaves two entries: the requested one counts, then the one in the status. */
function currentEntry(service: ServiceView, held: readonly AllocationView[]): AllocationView | undefined {
  const wanted = [...service.requests, ...service.ingress.map(({ ip }) => ip)];
  const entries = wanted.map((address) => held.find((entry) => entry.address === address));
  return entries.find((entry) => entry !== undefined) ?? held[0];
}

function ledgerByService(ledger: readonly AllocationView[]): ReadonlyMap<string, readonly AllocationView[]> {
  const byService = new Map<string, AllocationView[]>();
  for (const entry of [...ledger].sort((a, b) => (a.value < b.value ? -1 : 1))) {
    for (const { uid } of entry.services) byService.set(uid, [...(byService.get(uid) ?? []), entry]);
  }
  return byService;
}

/** An annotation may hold 256 KiB; what people read need not. */
function brief(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100)}...`;
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

function oldestFirst(a: ServiceView, b: ServiceView): number {
  if (a.created !== b.created) return a.created < b.created ? -1 : 1;
  return a.key < b.key ? -1 : 1;
}

function isRefusal(value: unknown): value is Outcome {
  return typeof value === 'object' && value !== null && 'reason' in value;
}
