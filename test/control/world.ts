/** A cluster in this process: the API server in memory, the people and programs that use it, and real controllers. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { LeaseTiming } from '../../src/kube/leader.ts';
import { readDefinitions } from '../apiserver/definitions.ts';
import type { ApiMeta, ApiObject, Fields } from '../apiserver/objects.ts';
import type { ApiAnswer } from '../apiserver/refusals.ts';
import { ApiServer } from '../apiserver/server.ts';
import { ApiStore } from '../apiserver/store.ts';
import { eventually } from '../lab/poll.ts';
import { Judge, shownBy } from './judge.ts';
import { type LogLine, RunningController } from './running-controller.ts';

/** Paths of objects. */
export const paths = {
  services: '/api/v1/services',
  ofDefault: '/api/v1/namespaces/default/services',
  nodes: '/api/v1/nodes',
  allocations: '/apis/berth.dev/v1beta1/ipallocations',
  pools: '/apis/berth.dev/v1beta1/ipaddresspools',
  advertisements: '/apis/berth.dev/v1beta1/l2advertisements',
  secrets: '/api/v1/namespaces/berth-system/secrets',
  lease: '/apis/coordination.k8s.io/v1/namespaces/berth-system/leases/berth-controller',
  leases: '/apis/coordination.k8s.io/v1/namespaces/berth-system/leases',
} as const;

/** Fast, except for how long a leader may be silent: a test machine may be slow. */
const defaultTiming: LeaseTiming = { leaseDurationMs: 5_000, renewDeadlineMs: 4_000, retryPeriodMs: 50 };

const definitions = readDefinitions();
const soon = { timeoutMs: 10_000, everyMs: 10 };

/** Runs a test in its own world, and asserts that no address was given twice. */
export async function inWorld(t: TestContext, run: (world: World) => Promise<void>): Promise<void> {
  const world = await World.open();
  t.after(() => world.close());
  await run(world);
  world.judge.verify();
}

/** The world of one test. */
export class World {
  readonly judge: Judge;
  readonly server: ApiServer;
  readonly controllers: RunningController[] = [];
  /** How far the API server's clock is ahead of that of the controllers. */
  readonly clock: { aheadMs: number };
  readonly #folder: string;

  private constructor({
    server,
    judge,
    clock,
    folder,
  }: Pick<World, 'server' | 'judge' | 'clock'> & { folder: string }) {
    this.server = server;
    this.judge = judge;
    this.clock = clock;
    this.#folder = folder;
  }

  /** Makes a world with a pool of 198.51.100.1 to .20, which is advertised. */
  static async open(): Promise<World> {
    const judge = new Judge();
    const clock = { aheadMs: 0 };
    const now = () => Date.now() + clock.aheadMs;
    const store = new ApiStore({ now, problemsOf: definitions, onChange: judge.see });
    judge.watch(store);
    const server = await ApiServer.open(store);
    const folder = await mkdtemp(join(tmpdir(), 'berth-control-'));
    const world = new World({ server, judge, clock, folder });
    await writeFile(world.kubeconfig, JSON.stringify(server.kubeconfig()));
    world.must('POST', paths.nodes, { metadata: { name: 'n1' } });
    world.createPool('p', ['198.51.100.1-198.51.100.20']);
    world.must('POST', paths.advertisements, { metadata: { name: 'all' }, spec: {} });
    return world;
  }

  /** The API server's objects. */
  get store(): ApiStore {
    return this.server.store;
  }

  /** The kubeconfig of the API server. */
  get kubeconfig(): string {
    return join(this.#folder, 'kubeconfig');
  }

  /** Ends everything. */
  async close(): Promise<void> {
    this.server.heal();
    await Promise.all(this.controllers.map((one) => one.stop()));
    this.server.close();
    await rm(this.#folder, { recursive: true });
  }

  /** Starts a controller. */
  start(timing: LeaseTiming = defaultTiming, onLine?: (line: LogLine) => void): RunningController {
    const controller = new RunningController({ kubeconfig: this.kubeconfig, timing, ...(onLine && { onLine }) });
    this.controllers.push(controller);
    return controller;
  }

  /** Starts a controller, and waits until it leads. */
  async startLeading(timing?: LeaseTiming, onLine?: (line: LogLine) => void): Promise<RunningController> {
    const controller = this.start(timing, onLine);
    await eventually('the controller leads', () => controller.leads, soon);
    return controller;
  }

  /**
   * Gives the lead to one of the controllers: the Lease names it from now on. A controller that
   * ends meanwhile does not get it.
   */
  async giveLead(to: RunningController): Promise<void> {
    await eventually('the controller is ready', () => to.identity ?? to.isOver, soon);
    await eventually(
      'the controller leads',
      () => {
        const { status, body } = this.ask('GET', paths.lease);
        const lease = body as ApiObject;
        const holder = status === 200 && (lease.spec as Fields).holderIdentity;
        if (holder !== to.identity) {
          const spec = { ...(status === 200 && (lease.spec as Fields)), holderIdentity: to.identity };
          if (status === 200) this.ask('PUT', paths.lease, { ...lease, spec });
          else this.ask('POST', paths.leases, { metadata: { name: 'berth-controller' }, spec });
        }
        return to.leads || to.isOver;
      },
      soon,
    );
  }

  /** Sends a request as a person would. */
  ask(method: string, path: string, body?: unknown): ApiAnswer {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return this.store.request({ method, path, body, contentType, userAgent: 'kubectl/1' });
  }

  /** Sends a request that must succeed. */
  must(method: string, path: string, body?: unknown): ApiObject {
    const answer = this.ask(method, path, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body as ApiObject;
  }

  /** Makes a pool. */
  createPool(name: string, addresses: readonly string[], spec: object = {}): ApiObject {
    return this.must('POST', paths.pools, { metadata: { name }, spec: { addresses, ...spec } });
  }

  /**
   * Makes a Service of type LoadBalancer in the namespace `default`. Annotations in `metadata` may
   * ask for an address.
   */
  createService(name: string, { spec = {}, ...metadata }: ServiceFacts = {}): ApiObject {
    const all = { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec };
    return this.must('POST', paths.ofDefault, { metadata: { name, ...metadata }, spec: all });
  }

  /** A Service of the namespace `default`. */
  service(name: string): ApiObject {
    return this.must('GET', `${paths.ofDefault}/${name}`);
  }

  /** Changes a Service. */
  patchService(name: string, patch: object): ApiObject {
    return this.must('PATCH', `${paths.ofDefault}/${name}`, patch);
  }

  /** Makes the Service ask for this address from now on, or for none. */
  request(name: string, address: string | null): void {
    this.patchService(name, { metadata: { annotations: { 'berth.dev/loadBalancerIPs': address } } });
  }

  /** The addresses that a Service shows; none if there is no such Service. */
  shown(name: string): readonly string[] {
    const { status, body } = this.ask('GET', `${paths.ofDefault}/${name}`);
    return status === 200 ? shownBy(body as ApiObject) : [];
  }

  /** One of Berth's conditions on a Service. */
  condition(name: string, type: string): Condition | undefined {
    const { conditions = [] } = this.service(name).status as { conditions?: readonly Condition[] };
    return conditions.find((one) => one.type === `berth.dev/${type}`);
  }

  /** The ledger's entry of an address. */
  entry(address: string): ApiObject | undefined {
    const { status, body } = this.ask('GET', `${paths.allocations}/${address}`);
    return status === 200 ? (body as ApiObject) : undefined;
  }

  /** Writes the status of an entry as a speaker does: a condition, and the holder if there is one. */
  tell(address: string, condition: Condition, holder?: object): ApiObject {
    const path = `${paths.allocations}/${address}/status`;
    const conditions = [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }];
    return this.must('PATCH', path, { status: { conditions, ...(holder && { holder }) } });
  }

  /** Waits until a Service shows an address, or this address if it is given. */
  async served(name: string, address?: string): Promise<string> {
    const shows = () => (address === undefined ? this.shown(name)[0] : this.shown(name).find((one) => one === address));
    return eventually(`${name} shows ${address ?? 'an address'}`, shows, soon);
  }

  /**
   * Waits until a pass has run that began after the call, over all that the controller knows: a new
   * Service of this name gets an address, and is deleted again.
   */
  async pass(name = 'marker'): Promise<void> {
    this.createService(name, { spec: { loadBalancerClass: 'berth.dev/berth' } });
    const address = await this.served(name);
    this.must('DELETE', `${paths.ofDefault}/${name}`);
    await eventually('the address of the marker is released', () => this.entry(address) === undefined, soon);
  }
}

/** A condition, with the fields that tests read. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** What a Service is made with. */
export type ServiceFacts = Partial<Pick<ApiMeta, 'labels' | 'annotations' | 'finalizers'>> & { readonly spec?: object };
