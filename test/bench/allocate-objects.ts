/** The objects of the allocation bench: Services, ledger entries and the pool. Also the watch that sees the addresses arrive. */
import { setTimeout as delay } from 'node:timers/promises';
import type { LabHost } from '../lab/cluster.ts';
import { type Api, atOnce, inFlight, type Watch } from './allocate-api.ts';

/** The namespace of the Services. */
export const servicesNamespace = 'bench';

const services = `/api/v1/namespaces/${servicesNamespace}/services`;
const berth = '/apis/berth.dev/v1beta1';
const poolName = 'bench';

const loadBalancer = {
  type: 'LoadBalancer',
  loadBalancerClass: 'berth.dev/berth',
  // The cluster has only 2,768 node ports.
  allocateLoadBalancerNodePorts: false,
};

/** A number that has not changed for this time is taken as stalled. */
const stallMs = 60_000;

/** This many Services, and 1,000 more without a controller, fit between the addresses of the lab's hosts and its test addresses. */
export const mostServices = 184 * 256 - 1_000;

/** When the creation of a Service was sent, and when the API server answered. */
export interface Exchange {
  readonly name: string;
  readonly sentAt: number;
  readonly answeredAt: number;
}

/** Creates one Service. Also returns its uid. */
export async function createService(api: Api, name: string): Promise<Exchange & { readonly uid: string }> {
  const body = {
    apiVersion: 'v1',
    kind: 'Service',
    // kube-proxy ignores Services with this label. In a real cluster it runs on other machines; here it would use the CPU that is measured.
    metadata: { name, labels: { 'service.kubernetes.io/service-proxy-name': 'none' } },
    spec: { ...loadBalancer, ports: [{ port: 80 }] },
  };
  const sentAt = performance.now();
  const text = await api.call({ method: 'POST', path: services, body });
  return { name, sentAt, answeredAt: performance.now(), uid: /"uid":"([^"]+)"/.exec(text)?.[1] ?? '' };
}

/** Changes the type of a Service. This allocates no new ClusterIP. */
export function changeType(api: Api, name: string, type: 'LoadBalancer' | 'ClusterIP'): Promise<string> {
  const spec =
    type === 'LoadBalancer'
      ? { ...loadBalancer }
      : { type, loadBalancerClass: null, allocateLoadBalancerNodePorts: null };
  const contentType = 'application/merge-patch+json';
  return api.call({ method: 'PATCH', path: `${services}/${name}`, contentType, body: { spec } });
}

/** Deletes one Service. */
export function deleteService(api: Api, name: string): Promise<string> {
  return api.call({ method: 'DELETE', path: `${services}/${name}` });
}

/** Deletes Services, at most {@link atOnce} at the same time. */
export function deleteServices(api: Api, names: readonly string[]): Promise<void> {
  return inFlight(names.length, (index) => deleteService(api, names[index] ?? ''));
}

/** Writes an address into a Service's status, as a controller that does nothing else would. */
export function patchStatus(api: Api, name: string, address: string): Promise<string> {
  const body = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    status: { loadBalancer: { ingress: [{ ip: address, ipMode: 'VIP' }] } },
  };
  const path = `${services}/${name}/status?fieldManager=bench`;
  return api.call({ method: 'PATCH', path, contentType: 'application/apply-patch+yaml', body });
}

/** Writes a ledger entry as the controller does. */
export function createEntry(api: Api, address: string, service: { name: string; uid: string }): Promise<string> {
  const bound = { namespace: servicesNamespace, ...service };
  const body = {
    apiVersion: 'berth.dev/v1beta1',
    kind: 'IPAllocation',
    metadata: { name: address },
    spec: { address, pool: poolName, services: [bound] },
  };
  return api.call({ method: 'POST', path: `${berth}/ipallocations`, body });
}

/** Deletes a ledger entry. */
export function deleteEntry(api: Api, address: string): Promise<string> {
  return api.call({ method: 'DELETE', path: `${berth}/ipallocations/${address}` });
}

/** Counts the ledger entries, which are the addresses in use. */
export async function ledgerSize(api: Api): Promise<number> {
  const text = await api.call({ path: `${berth}/ipallocations?limit=1` });
  const list = JSON.parse(text) as { items: unknown[]; metadata: { remainingItemCount?: number } };
  return list.items.length + (list.metadata.remainingItemCount ?? 0);
}

/** Waits until none is left. There is no time limit, but it fails if the number does not change for a minute. */
export async function noneLeft(what: string, left: () => number | Promise<number>, everyMs: number): Promise<void> {
  let [last, movedAt] = [await left(), performance.now()];
  while (last > 0) {
    if (performance.now() - movedAt > stallMs)
      throw new Error(`${what}: still ${last} left after ${stallMs / 1000} s without a change`);
    await delay(everyMs);
    const now = await left();
    if (now !== last) [last, movedAt] = [now, performance.now()];
  }
}

/** Returns the address of the pool with this number. The pool is in the subnet of the lab's hosts, so that speakers announce it. */
export function addressOf(host: LabHost, index: number): string {
  const [a, b] = host.ip.split('.');
  return `${a}.${b}.${16 + (index >> 8)}.${index & 255}`;
}

/** Creates an L2Advertisement and a single pool with exactly `size` addresses. */
export async function createPool(api: Api, host: LabHost, size: number): Promise<void> {
  const create = (plural: string, kind: string, spec: object) =>
    api.call({
      method: 'POST',
      path: `${berth}/${plural}`,
      body: { apiVersion: 'berth.dev/v1beta1', kind, metadata: { name: poolName }, spec },
    });
  await create('l2advertisements', 'L2Advertisement', {});
  await create('ipaddresspools', 'IPAddressPool', {
    addresses: [`${addressOf(host, 0)}-${addressOf(host, size - 1)}`],
  });
}

/** Deletes the objects that {@link createPool} made. */
export async function deletePool(api: Api): Promise<void> {
  for (const plural of ['ipaddresspools', 'l2advertisements'])
    await api.call({ method: 'DELETE', path: `${berth}/${plural}/${poolName}` });
}

/** The results of the watch, by Service name: when a Service first had an address, and when it was first refused one. */
export class Seen {
  readonly assigned = new Map<string, number>();
  readonly refused = new Map<string, number>();
  #watch: Watch | undefined;

  /** Watches all Services from now on. */
  static async from(api: Api): Promise<Seen> {
    const seen = new Seen();
    seen.#watch = await api.watch(services, (line, at) => seen.#take(line, at));
    return seen;
  }

  /** Waits until `count` Services have an address. */
  addresses(count: number): Promise<void> {
    return this.#until('Services without an address', () => count - this.assigned.size);
  }

  /** Waits until `count` Services were refused an address. */
  refusals(count: number): Promise<void> {
    return this.#until('Services without a refusal', () => count - this.refused.size);
  }

  /** How often the API server ended the watch. Events after that came late. */
  get resumed(): number {
    return this.#watch?.resumed ?? 0;
  }

  /** Ends the watch. */
  end(): void {
    this.#watch?.end();
  }

  #until(what: string, left: () => number): Promise<void> {
    const check = () => {
      if (this.#watch?.failure !== undefined) throw this.#watch.failure;
      return left();
    };
    return noneLeft(what, check, 5);
  }

  /** Searches the text instead of parsing it: the fields come in a fixed order, with the status last. */
  #take(line: string, at: number): void {
    const from = line.indexOf('"name":"') + 8;
    const name = line.slice(from, line.indexOf('"', from));
    if (this.assigned.has(name)) return;
    if (line.includes('"ingress":[{"ip"', line.indexOf('"spec":'))) this.assigned.set(name, at);
    else if (!this.refused.has(name) && line.includes('"type":"berth.dev/Allocated","status":"False"'))
      this.refused.set(name, at);
  }
}
