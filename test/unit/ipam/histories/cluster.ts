/** A small cluster in memory, with the actions of people and of other programs in it. Time passes only when the test lets it. */
import { mock } from 'node:test';
import type { ApiRequest } from '../../../../src/kube/client.ts';
import { collections, servicePath } from '../../../../src/kube/resources.ts';
import type { Change } from '../../../apiserver/history.ts';
import { type ApiAnswer, invalid } from '../../../apiserver/refusals.ts';
import { ApiStore } from '../../../apiserver/store.ts';
import { canonical } from '../../../oracle/addresses.ts';
import { entryOf } from '../../../oracle/ledger.ts';
import { type Cluster, type Entry, keyOf, type Pool, type Rules, type Service } from '../../../oracle/objects.ts';
import { ownership } from '../../fixtures.ts';
import { type KindName, type Knowledge, kinds } from './knowledge.ts';

/** The settings of the installation. */
export const rules: Rules = { ...ownership, manager: ownership.writer };

/** Is called after each write of Berth. */
export interface Witness {
  wrote(change: Change, known: Cluster): void;
}

/** The fields of a Service that a person writes. */
export interface ServiceFacts {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const start = Date.parse('2026-01-01T00:00:00Z');
/** Every request takes a moment, so that no two writes have the same time. */
const requestMs = 1;

/** The API server, its clock, and all actors except Berth. */
export class MemoryCluster {
  readonly store: ApiStore;
  readonly #witness: Witness;
  #now = start;
  #facts: { readonly revision: number; readonly cluster: Cluster } | undefined;
  /** The knowledge of the client whose write is under way. */
  #writing: Knowledge | undefined;

  constructor(witness: Witness) {
    this.#witness = witness;
    mock.timers.reset();
    mock.timers.enable({ apis: ['Date'], now: start });
    const onChange = (change: Change) => {
      if (this.#writing) this.#witness.wrote(change, this.#writing.cluster(rules));
    };
    this.store = new ApiStore({ now: () => this.#now, onChange });
    for (const name of ['a', 'b']) this.#make(kinds.namespaces, { metadata: { name } });
    this.#make(kinds.nodes, { metadata: { name: 'n' } });
    this.#make(collections.advertisements, { metadata: { name: 'all' }, spec: {} });
  }

  /** Milliseconds since 1970. */
  get now(): number {
    return this.#now;
  }

  /** Lets time pass. */
  wait(ms: number): void {
    this.#now += ms;
    mock.timers.setTime(this.#now);
  }

  /** Ends the mocked time. */
  end(): void {
    mock.timers.reset();
  }

  /** Handles a request of Berth. */
  send = ({ method = 'GET', ...request }: ApiRequest, known: Knowledge): ApiAnswer => {
    this.wait(requestMs);
    this.#writing = known;
    try {
      return refusalOf(request.body) ?? this.store.request({ ...request, method, userAgent: 'berth' });
    } finally {
      this.#writing = undefined;
    }
  };

  /** The whole present state. */
  get facts(): Cluster {
    const { revision } = this.store;
    if (this.#facts?.revision !== revision) this.#facts = { revision, cluster: this.#read() };
    return { ...this.#facts.cluster, now: this.#now };
  }

  #read(): Cluster {
    const all = (kind: KindName) => this.store.all(kinds[kind]) as unknown;
    return {
      pools: all('pools') as readonly Pool[],
      namespaces: all('namespaces') as Cluster['namespaces'],
      nodes: all('nodes') as Cluster['nodes'],
      services: all('services') as readonly Service[],
      entries: all('allocations') as readonly Entry[],
      now: this.#now,
      rules,
    };
  }

  /** The Service `namespace/name`. */
  service(key: string): Service | undefined {
    return this.facts.services.find(({ metadata }) => keyOf(metadata) === key);
  }

  /** Creates a Service of type LoadBalancer. */
  create(key: string, { spec = {}, ...meta }: ServiceFacts): void {
    const { namespace, name } = placeOf(key);
    const object = { metadata: { name, ...meta }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec } };
    this.#make(`/api/v1/namespaces/${namespace}/services`, object);
  }

  /** Replaces the requests of a Service. Its type and its class stay. */
  edit(key: string, { spec = {}, labels = {}, annotations = {} }: ServiceFacts): void {
    const before = this.service(key);
    if (before === undefined) return;
    const { type, loadBalancerClass } = before.spec;
    const { finalizers } = before.metadata as { readonly finalizers?: readonly string[] };
    const metadata = { ...placeOf(key), labels, annotations, ...(finalizers && { finalizers }) };
    const body = { metadata, spec: { ports: [{ port: 80 }], ...spec, type, loadBalancerClass } };
    this.#ask({ method: 'PUT', path: pathOf(key), body });
  }

  /** Changes the type of a Service. */
  retype(key: string, type: string): void {
    if (this.service(key)) this.#patch(pathOf(key), { spec: { type } });
  }

  /** Deletes a Service, even if its deletion had started before. */
  delete(key: string): void {
    if (this.service(key) === undefined) return;
    this.#patch(pathOf(key), { metadata: { finalizers: null } });
    if (this.service(key)) this.#ask({ method: 'DELETE', path: pathOf(key) });
  }

  /** Deletes a Service that a finalizer of another program keeps. */
  terminate(key: string): void {
    const before = this.service(key);
    if (before === undefined || before.metadata.deletionTimestamp) return;
    this.#patch(pathOf(key), { metadata: { finalizers: ['example.org/slow'] } });
    this.#ask({ method: 'DELETE', path: pathOf(key) });
  }

  /** Writes addresses into a Service's status as another program. */
  overwrite(key: string, addresses: readonly string[]): void {
    if (this.service(key)?.spec.type !== 'LoadBalancer') return;
    const ingress = addresses.map((ip) => ({ ip }));
    const body = { status: { loadBalancer: { ingress: ingress.length > 0 ? ingress : null } } };
    this.#patch(`${pathOf(key)}/status`, body, 'metallb');
  }

  /** Creates or changes a pool. */
  setPool(name: string, spec: Pool['spec']): void {
    const before = this.#pool(name);
    const resourceVersion = before?.metadata.resourceVersion;
    if (before)
      this.#ask({ method: 'PUT', path: `${kinds.pools}/${name}`, body: { metadata: { name, resourceVersion }, spec } });
    else this.#make(kinds.pools, { metadata: { name }, spec });
  }

  /** Deletes a pool. */
  unsetPool(name: string): void {
    if (this.#pool(name)) this.#ask({ method: 'DELETE', path: `${kinds.pools}/${name}` });
  }

  /** Sets the addresses of the node. */
  setNodes(addresses: readonly string[]): void {
    const all = addresses.map((address) => ({ type: 'InternalIP', address }));
    this.#patch(`${kinds.nodes}/n/status`, { status: { addresses: all } });
  }

  /** Sets the labels of a namespace. */
  label(name: string, labels: Readonly<Record<string, string>>): void {
    this.#ask({ method: 'PUT', path: `${kinds.namespaces}/${name}`, body: { metadata: { name, labels } } });
  }

  /** Deletes a ledger entry. */
  lose(address: string): void {
    if (entryOf(this.facts, address)) this.#ask({ method: 'DELETE', path: entryPath(address) });
  }

  /** Marks an address that an administrator wants to be left. */
  renumber(address: string): void {
    const metadata = { annotations: { 'berth.dev/renumber': 'true' } };
    if (entryOf(this.facts, address)) this.#patch(entryPath(address), { metadata });
  }

  /** Writes into the status of an entry, as a speaker. */
  report(address: string, status: Readonly<Record<string, unknown>>): void {
    this.#patch(`${entryPath(address)}/status`, { status });
  }

  #pool(name: string): Pool | undefined {
    return this.facts.pools.find(({ metadata }) => metadata.name === name);
  }

  #make(path: string, body: unknown): void {
    this.#ask({ method: 'POST', path, body });
  }

  #patch(path: string, body: unknown, userAgent = 'kubectl'): void {
    this.#ask({ method: 'PATCH', path, body, userAgent });
  }

  #ask({ userAgent = 'kubectl', ...request }: ApiRequest & { readonly userAgent?: string }): void {
    const contentType = request.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const { status, body } = this.store.request({ ...request, contentType, userAgent });
    if (status >= 300) throw new Error(`${request.method} ${request.path}: ${(body as { message?: string }).message}`);
  }
}

function placeOf(key: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}

function pathOf(key: string): string {
  return servicePath(placeOf(key));
}

/** The only rule of the CRD between two fields of an entry, which the API server in memory does not have. */
function refusalOf(body: unknown): ApiAnswer | undefined {
  const { kind, metadata, spec } = (body ?? {}) as Partial<Entry> & { readonly kind?: string };
  if (kind !== 'IPAllocation' || (spec?.services ?? []).length > 0 || spec?.reservedUntil !== undefined)
    return undefined;
  const said = Object.keys(metadata?.annotations ?? {}).join();
  return invalid(`IPAllocation ${spec?.address} (${said})`, ['an entry without services needs reservedUntil']).answer;
}

/** The names of entries are addresses without colons: eight groups of four digits. */
function entryPath(address: string): string {
  if (!address.includes(':')) return `${kinds.allocations}/${address}`;
  const [head = '', tail = ''] = canonical(address).split('::');
  const groups = (half: string) => (half === '' ? [] : half.split(':'));
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return `${kinds.allocations}/${[...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('-')}`;
}
