/** Services that cannot be served, or ask for odd things, beside those that the allocation bench measures. One namespace creates them all. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Api, inFlight } from './allocate-api.ts';

/** The namespace of the bad Services. */
export const badNamespace = 'bench-bad';

const path = `/api/v1/namespaces/${badNamespace}/services`;
/** Every sort is changed again and again, because a refusal that nothing changes is decided only once. */
const changeEveryMs = 100;
const contentType = 'application/merge-patch+json';
const mostPorts = 1_000;
const mostRanges = 5_000;

interface Bad {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: object;
  readonly finalizers?: readonly string[];
}

const ports = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `p${i}`, port: 1_000 + i, protocol: 'TCP' }));
const berth = (name: string, value: string) => ({ annotations: { [`berth.dev/${name}`]: value } });

/** The sorts. `key` is different for each Service of a sort, and for each change. */
const sorts: readonly ((key: number) => Bad)[] = [
  (key) => berth('loadBalancerIPs', `192.0.2.${key % 256}`),
  (key) => berth('loadBalancerIPs', `no address ${key}`),
  (key) =>
    berth('loadBalancerIPs', Array.from({ length: 5_000 }, (_, i) => `10.${key % 256}.${i >> 8}.${i & 255}`).join()),
  (key) => berth('address-pool', `no-pool-${key}`),
  (key) => berth('address-pool', Array.from({ length: 5_000 }, (_, i) => `pool-${key}-${i}`).join()),
  (key) => berth('allow-shared-ip', `key ${key}\n`),
  () => ({ ...berth('allow-shared-ip', 'one-key'), spec: { externalTrafficPolicy: 'Local', selector: { a: 'b' } } }),
  (key) => ({ ...berth('allow-shared-ip', 'one-key'), spec: { ports: ports(1 + (key % mostPorts)) } }),
  (key) => ({
    ...berth('hand-off', 'NodePort'),
    spec: { loadBalancerSourceRanges: ['0.0.0.0/0', `10.0.0.${key % 256}/8`] },
  }),
  (key) => ({ spec: { loadBalancerSourceRanges: [`010.0.0.${key % 8}/8`, '::ffff:10.0.0.0/95'] } }),
  (key) => ({ spec: { loadBalancerSourceRanges: rangesOf(key) } }),
  (key) => berth('hand-off', `Unknown${key}`),
  (key) => ({ annotations: { constructor: `${key}`, 'berth.dev/constructor': '1' } }),
  () => ({ finalizers: ['bench.example/never-ends'] }),
];

function rangesOf(key: number): readonly string[] {
  return Array.from({ length: mostRanges }, (_, i) => `10.${(i >> 8) & 255}.${i & 255}.${key % 256}/32`);
}

/** Bad Services that exist and change until {@link BadServices.end}. */
export class BadServices {
  readonly #api: Api;
  readonly #count: number;
  readonly #stop = new AbortController();
  #changes = 0;
  #changing: Promise<void> = Promise.resolve();

  private constructor(api: Api, count: number) {
    this.#api = api;
    this.#count = count;
  }

  /** Creates as many bad Services, of every sort. */
  static async start(api: Api, count: number): Promise<BadServices> {
    const bad = new BadServices(api, count);
    await inFlight(count, async (index) => {
      const body = bad.#body(index);
      await api.call({ method: 'POST', path, body });
      // It stays in `Terminating`.
      if (body.metadata.finalizers) await api.call({ method: 'DELETE', path: `${path}/${body.metadata.name}` });
    });
    bad.#changing = bad.#change();
    return bad;
  }

  /** Deletes them. Returns how many changes were made. */
  async end(): Promise<number> {
    this.#stop.abort();
    await this.#changing;
    const body = { metadata: { finalizers: null } };
    await inFlight(this.#count, async (index) => {
      const { name, finalizers } = this.#body(index).metadata;
      const one = `${path}/${name}`;
      if (finalizers) await this.#api.call({ method: 'PATCH', path: one, contentType, body });
      else await this.#api.call({ method: 'DELETE', path: one });
    });
    return this.#changes;
  }

  async #change(): Promise<void> {
    for (let i = 0; !this.#stop.signal.aborted; i++) {
      await delay(changeEveryMs);
      const { metadata, spec } = this.#body(i % this.#count, i + 1);
      const body = { metadata: { annotations: metadata.annotations }, spec };
      await this.#api.call({ method: 'PATCH', path: `${path}/${metadata.name}`, contentType, body });
      this.#changes++;
    }
  }

  #body(index: number, round = 0) {
    const { annotations = {}, spec, finalizers } = sorts[index % sorts.length]?.(index + round) ?? {};
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `bad-${index}`, annotations, ...(finalizers && { finalizers }) },
      spec: {
        type: 'LoadBalancer',
        loadBalancerClass: 'berth.dev/berth',
        allocateLoadBalancerNodePorts: false,
        ports: [{ port: 80 }],
        ...spec,
      },
    };
  }
}
