/** Many Services at once: they are created, deleted, created again under the same name, and changed. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Ip, ipFromNumber, ipToNumber } from '../../src/addr/ip.ts';
import { hasStatus, type KubeClient } from '../../src/kube/client.ts';
import { servicePath } from '../../src/kube/resources.ts';
import { inParallel } from '../../src/runtime/parallel.ts';
import { times } from '../lab/scope.ts';
import type { Random } from './random.ts';

/** The namespaces of all of these Services. */
export const namespaces = ['ha-a', 'ha-b', 'ha-c'] as const;

/** The pool of these Services: far more addresses than they need, in a network that no host uses (RFC 2544). */
export const pool = { name: 'ha', first: '198.18.0.1' as Ip, last: '198.18.63.254' as Ip } as const;

/** From here on, addresses go only to Services that request them: the lowest free address is never that high. */
const ownAddresses = ipToNumber('198.18.32.0' as Ip);

/** A place for a Service, which always has the same name. */
export interface Slot {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
  /** Addresses that no other slot requests. */
  readonly own: readonly [Ip, Ip];
  readonly sharingKey: string | undefined;
  readonly port: number;
}

/** An operation on a slot. */
export type Operation = 'create' | 'remove' | 'recreate' | 'askOwn' | 'askLow' | 'askNothing' | 'flipType';

/** Options of a {@link Churn}. */
export interface ChurnOptions {
  readonly client: KubeClient;
  readonly random: Random;
  readonly size: number;
  /** How many of them carry a sharing key. */
  readonly sharing: number;
}

const balanced = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false };
const keys = 30;
const requestsAtOnce = 24;
/** How many workers change Services at once. The usual run has fewer workers with longer pauses, which leaves CPU time for other work. */
const workers = times(4, 8);
/** The longest pause of a worker between two operations. */
const pauseMs = times(120, 60);

/** Many Services that change. */
export class Churn {
  readonly slots: readonly Slot[];
  /** How often each operation was done so far. */
  readonly counts: Partial<Record<Operation, number>> = {};
  readonly #client: KubeClient;
  readonly #random: Random;

  constructor({ client, random, size, sharing }: ChurnOptions) {
    this.#client = client;
    this.#random = random;
    this.slots = Array.from({ length: size }, (_, index) => slotOf(index, index >= size - sharing));
  }

  /** Runs one operation on many slots at once. */
  async all(slots: readonly Slot[], act: (slot: Slot) => Promise<unknown>): Promise<void> {
    const { signal } = new AbortController();
    const effect = async (slot: Slot) => void (await act(slot));
    const [failure] = await inParallel(slots, effect, { limit: requestsAtOnce, signal });
    if (failure !== undefined) throw new Error(`${failure.item.key}: ${failure.error}`, { cause: failure.error });
  }

  /** Runs random operations until the signal aborts: several at once, but never two on the same slot. */
  async run(slots: readonly Slot[], operations: readonly Operation[], signal: AbortSignal): Promise<void> {
    const work = async (_: unknown, worker: number) => {
      const mine = slots.filter((_slot, index) => index % workers === worker);
      while (!signal.aborted) {
        await this.act(this.#random.pick(operations), this.#random.pick(mine));
        await delay(this.#random.between(0, pauseMs));
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
  }

  /** Runs one operation. The creation of an existing Service, or the deletion of a missing one, has no effect. */
  async act(operation: Operation, slot: Slot): Promise<void> {
    this.counts[operation] = (this.counts[operation] ?? 0) + 1;
    switch (operation) {
      case 'create':
        return this.create(slot, this.#random.next() < 0.3 ? this.#random.pick(slot.own) : undefined);
      case 'remove':
        return this.remove(slot);
      case 'recreate':
        await this.remove(slot);
        return this.act('create', slot);
      case 'askOwn':
        return this.ask(slot, this.#random.pick(slot.own));
      case 'askLow':
        // Most of the time another Service has this address. Sometimes it was just released.
        return this.ask(slot, after(pool.first, Math.floor(this.#random.between(0, this.slots.length))));
      case 'askNothing':
        return this.ask(slot, undefined);
      case 'flipType':
        await this.balance(slot, false);
        await delay(this.#random.between(0, 50));
        return this.balance(slot, true);
    }
  }

  /** Creates the slot's Service, with or without a request for an address. */
  async create({ namespace, name, port, sharingKey }: Slot, request?: Ip): Promise<void> {
    const annotations = {
      ...(request && { 'berth.dev/loadBalancerIPs': request }),
      ...(sharingKey && { 'berth.dev/allow-shared-ip': sharingKey }),
    };
    // No selector and no proxy: only the address matters here.
    const labels = { 'service.kubernetes.io/service-proxy-name': 'none' };
    const body = {
      metadata: { name, namespace, annotations, labels },
      spec: { ...balanced, ports: [{ port }] },
    };
    await unless(409, this.#client.json({ method: 'POST', path: servicesPath(namespace), body }));
  }

  /** Deletes the slot's Service. */
  async remove(slot: Slot): Promise<void> {
    await unless(404, this.#client.json({ method: 'DELETE', path: servicePath(slot) }));
  }

  /** Sets or removes the Service's request for an address. */
  ask(slot: Slot, request: string | undefined): Promise<void> {
    return this.#patch(slot, { metadata: { annotations: { 'berth.dev/loadBalancerIPs': request ?? null } } });
  }

  /** Changes the Service's type to LoadBalancer, or to ClusterIP. */
  balance(slot: Slot, yes: boolean): Promise<void> {
    return this.#patch(slot, { spec: yes ? balanced : { type: 'ClusterIP' } });
  }

  async #patch(slot: Slot, body: object): Promise<void> {
    const contentType = 'application/merge-patch+json';
    await unless(404, this.#client.json({ method: 'PATCH', path: servicePath(slot), contentType, body }));
  }
}

function slotOf(index: number, shares: boolean): Slot {
  const namespace = namespaces[index % namespaces.length] ?? namespaces[0];
  const name = `s${index}`;
  const base = ipFromNumber(ownAddresses, 'IPv4');
  return {
    namespace,
    name,
    key: `${namespace}/${name}`,
    own: [after(base, 2 * index), after(base, 2 * index + 1)],
    // The number of keys is a multiple of the number of namespaces, so each key is used in one namespace only.
    // Each key has three ports: some Services with the same key can share an address, others cannot.
    sharingKey: shares ? `key-${index % keys}` : undefined,
    port: 10_000 + (index % (3 * keys)),
  };
}

function servicesPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/services`;
}

function after(ip: Ip, count: number): Ip {
  return ipFromNumber(ipToNumber(ip) + BigInt(count), 'IPv4');
}

async function unless(status: number, request: Promise<unknown>): Promise<void> {
  await request.catch((error: unknown) => {
    if (!hasStatus(error, status)) throw error;
  });
}
