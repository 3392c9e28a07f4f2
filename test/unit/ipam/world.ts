/** A cluster in memory with the preconditions of the API server, and controllers that carry plans out in it, wholly or in part. */
import type { Ip } from '../../../src/addr/ip.ts';
import {
  type AllocationSpec,
  type AllocationView,
  allocationObject,
  parseAllocation,
  type RawAllocation,
} from '../../../src/api/allocation.ts';
import { type PoolView, parsePool, type RawPool } from '../../../src/api/pool.ts';
import { ingressText, type ServiceView } from '../../../src/api/service.ts';
import { formatTime } from '../../../src/api/time.ts';
import { type Plan, planAllocations, type Snapshot } from '../../../src/ipam/allocate.ts';
import { Contests } from '../../../src/ipam/contests.ts';
import type { Bind, Release } from '../../../src/ipam/ledger.ts';
import { type DesiredStatus, desiredStatus, noStatus, sameStatus } from '../../../src/ipam/status.ts';
import { namespace, node, ownership, service, writer } from '../fixtures.ts';

/** Told of every write before it is made. */
export interface Witness {
  /** A plan that a controller made on what it knows. */
  plan(known: Snapshot, plan: Plan): void;
  entry(before: AllocationView | undefined, after: AllocationView | undefined): void;
  status(before: ServiceView, after: ServiceView): void;
}

/** The cluster. Objects are views; each change is a new one with a higher resource version. */
export class World {
  readonly services = new Map<string, ServiceView>();
  readonly pools = new Map<string, PoolView>();
  readonly ledger = new Map<Ip, AllocationView>();
  readonly namespaces = new Map([namespace('a'), namespace('b')].map((one) => [one.name, one]));
  nodeAddresses: readonly Ip[] = [];
  now = Date.parse('2026-01-01T00:00:00Z');
  #changes = 0;

  /** All that a controller can read at this moment, and nothing that it could change. */
  snapshot(): Snapshot {
    return {
      pools: [...this.pools.values()],
      namespaces: [...this.namespaces.values()],
      nodes: [node('n', { addresses: this.nodeAddresses })],
      services: [...this.services.values()],
      ledger: [...this.ledger.values()],
      ownership,
      now: this.now,
    };
  }

  /** The API server counts changes; it also gives uids from the count here. */
  next(): string {
    return String(++this.#changes);
  }

  create(key: string, facts: Partial<ServiceView>): void {
    const [space = '', name = ''] = key.split('/');
    const count = this.next();
    // Several Services are made within one second.
    const created = formatTime(Math.floor(Number(count) / 4) * 1_000);
    const identity = { namespace: space, key, uid: `u${count}`, resourceVersion: count, created };
    this.services.set(key, service(name, { ...facts, ...identity }));
  }

  /** The API server empties the status of what is no LoadBalancer. */
  edit(key: string, facts: Partial<ServiceView>): void {
    const before = this.services.get(key);
    if (before === undefined) return;
    this.services.set(key, { ...before, ...facts, resourceVersion: this.next() });
  }

  /** A person annotates an entry. */
  renumber(address: Ip): void {
    const before = this.ledger.get(address);
    if (before) this.ledger.set(address, { ...before, renumber: true, resourceVersion: this.next() });
  }

  setPool(name: string, spec: RawPool['spec']): void {
    const before = this.pools.get(name);
    const count = this.next();
    const { uid = `u${count}`, created: creationTimestamp = formatTime(Number(count) * 1_000) } = before ?? {};
    const metadata = { name, uid, resourceVersion: count, generation: Number(count), creationTimestamp };
    this.pools.set(name, parsePool({ metadata, spec }));
  }
}

/** A controller: it knows what it read last and what its own writes returned. */
export class Controller {
  readonly #world: World;
  readonly #witness: Witness;
  readonly #contests = new Contests();
  #known: Snapshot;
  #late: readonly Release[] = [];
  #writes = 0;

  constructor(world: World, witness: Witness) {
    this.#world = world;
    this.#witness = witness;
    this.#known = world.snapshot();
  }

  /** Its informers catch up. */
  read(): void {
    this.#known = this.#world.snapshot();
  }

  /** It asks the API server who still needs what it would give back. What it writes then comes late. */
  looks(): void {
    this.#known = { ...this.#known, now: this.#world.now };
    const { releases } = this.#decide();
    this.#late = releases.filter(({ entry, former }) => !former.some((ref) => this.#mayStillNeed(ref, entry.address)));
  }

  /** Its writes arrive. */
  strikes(): void {
    for (const { entry, spec } of this.#late) {
      if (this.#world.ledger.get(entry.address)?.resourceVersion === entry.resourceVersion)
        this.#write(entry.address, spec);
    }
    this.#late = [];
  }

  /** One pass that ends after so many writes, as in a crash. Returns how many were made, refused ones included. */
  pass(most = Number.POSITIVE_INFINITY): number {
    this.#writes = 0;
    this.#known = { ...this.#known, now: this.#world.now };
    const first = this.#decide();
    for (const release of first.releases) if (this.#writes < most) this.#release(release);
    const { decisions, binds, strays } = first.releases.length === 0 ? first : this.#decide();
    const bound = new Map<Ip, boolean>();
    for (const decision of decisions) {
      const addresses = decision.kind === 'Assigned' ? decision.bindings.map(({ address }) => address) : [];
      for (const address of addresses) {
        const bind = binds.get(address);
        if (bind && !bound.has(address) && this.#writes < most) bound.set(address, this.#bind(bind));
      }
      const isBound = addresses.every((address) => !binds.has(address) || bound.get(address));
      const context = {
        ownership,
        advertised: () => true,
        entryOf: () => undefined,
        contests: this.#contests,
        handOff: 'KubeProxy' as const,
        now: this.#world.now,
      };
      const desired = desiredStatus(decision, context);
      if (isBound && this.#writes < most) this.#show(decision.service, desired, bound);
    }
    for (const stray of strays) if (this.#writes < most) this.#show(stray, noStatus, bound);
    return this.#writes;
  }

  #decide(): Plan {
    const plan = planAllocations(this.#known);
    this.#witness.plan(this.#known, plan);
    return plan;
  }

  #bind({ entry, former, spec }: Bind): boolean {
    if (former.some((ref) => this.#mayStillNeed(ref, spec.address))) return false;
    this.#writes++;
    const live = this.#world.ledger.get(spec.address);
    const isCurrent = entry
      ? live?.resourceVersion === entry.resourceVersion && live.uid === entry.uid
      : live === undefined;
    if (isCurrent) this.#write(spec.address, spec);
    this.#learn(spec.address);
    return isCurrent;
  }

  #release({ entry, former, spec }: Release): void {
    if (former.some((ref) => this.#mayStillNeed(ref, entry.address))) return;
    this.#writes++;
    const live = this.#world.ledger.get(entry.address);
    if (live?.resourceVersion === entry.resourceVersion) this.#write(entry.address, spec);
    this.#learn(entry.address);
  }

  /** What the controller asks the API server before it strikes a Service from an entry. */
  #mayStillNeed({ namespace: space, name, uid }: Release['former'][number], address: Ip): boolean {
    const live = this.#world.services.get(`${space}/${name}`);
    if (live?.uid !== uid || !live.isLoadBalancer) return false;
    if (live.ingress.some((one) => one.ip === address)) return true;
    return this.#known.services.find((one) => one.uid === uid)?.resourceVersion !== live.resourceVersion;
  }

  #write(address: Ip, spec: (AllocationSpec & { readonly address: Ip }) | undefined): void {
    const { ledger } = this.#world;
    const before = ledger.get(address);
    const count = this.#world.next();
    const after = spec && entryOf(spec, { uid: before?.uid ?? `u${count}`, resourceVersion: count });
    this.#witness.entry(before, after);
    if (after) ledger.set(address, after);
    else ledger.delete(address);
  }

  #learn(address: Ip): void {
    const live = this.#world.ledger.get(address);
    const others = this.#known.ledger.filter((entry) => entry.address !== address);
    this.#known = { ...this.#known, ledger: live ? [...others, live] : others };
  }

  /** Writes the entry of an address that a status will show anew, so that whoever has read it before cannot delete it any more. */
  #confirm(address: Ip): boolean {
    this.#writes++;
    const { ledger } = this.#world;
    const known = this.#known.ledger.find((entry) => entry.address === address);
    const live = ledger.get(address);
    const isCurrent = known !== undefined && live?.resourceVersion === known.resourceVersion;
    if (isCurrent) ledger.set(address, { ...live, resourceVersion: this.#world.next() });
    this.#learn(address);
    return isCurrent;
  }

  /** Server-side apply with uid and resource version. */
  #show(known: ServiceView, desired: DesiredStatus, bound: ReadonlyMap<Ip, boolean>): void {
    if (sameStatus(known, desired, ownership)) return;
    const unseen = (desired.ingress ?? []).map(({ ip = '' }) => ip as Ip);
    for (const address of unseen.filter((one) => !bound.has(one) && !known.ingress.some(({ ip }) => ip === one))) {
      if (!this.#confirm(address)) return;
    }
    this.#writes++;
    const live = this.#world.services.get(known.key);
    if (live?.uid !== known.uid || live.resourceVersion !== known.resourceVersion) return;
    const after = applied(live, desired, this.#world.now);
    if (after === undefined) return;
    const written = { ...after, resourceVersion: this.#world.next() };
    this.#witness.status(live, written);
    this.#world.services.set(live.key, written);
    if (desired.ingress) this.#contests.wrote(live, desired.ingress, this.#world.now);
    const services = this.#known.services.map((one) => (one.uid === live.uid ? written : one));
    this.#known = { ...this.#known, services };
  }
}

/** The entry as it is read back: what cannot be written is not there. */
function entryOf(spec: AllocationSpec & { readonly address: Ip }, identity: { uid: string; resourceVersion: string }) {
  const { metadata } = allocationObject(spec) as RawAllocation;
  return parseAllocation({ metadata: { ...metadata, ...identity }, spec: structuredClone(spec) });
}

/** undefined: another program wrote the field, and we did not force. */
function applied(
  live: ServiceView,
  { ingress, conditions, force }: DesiredStatus,
  now: number,
): ServiceView | undefined {
  const others = live.ingressWriters.filter(({ manager }) => manager !== ownership.writer);
  const ours = writer(ownership.writer, now);
  if (ingress === undefined) {
    const isOurs = others.length < live.ingressWriters.length;
    const kept = isOurs && others.length === 0 ? [] : live.ingress;
    return { ...live, ingress: kept, ingressWriters: others, conditions };
  }
  if (ingressText(ingress) === ingressText(live.ingress))
    return { ...live, ingressWriters: [...others, ours], conditions };
  if (others.length > 0 && !force) return undefined;
  return { ...live, ingress, ingressWriters: [ours], conditions };
}
