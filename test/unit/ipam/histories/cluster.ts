/** A small cluster in memory, and what people and programs other than Berth do in it. Time passes only as it is told to. */
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

/** The rules of the installation. */
export const rules: Rules = { ...ownership, manager: ownership.writer };

/** Told of what Berth writes, after it was written. */
export interface Witness {
  wrote(change: Change, known: Cluster): void;
}

/** A Service as people write it. */
export interface ServiceFacts {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const start = Date.parse('2026-01-01T00:00:00Z');
/** Every request takes a moment, so that no two writes are of one time. */
const requestMs = 1;

/** The API server, its clock, and everybody but Berth. */
export class MemoryCluster {
  readonly store: ApiStore;
  readonly #witness: Witness;
  #now = start;
  #facts: { readonly revision: number; readonly cluster: Cluster } | undefined;
  /** What the client knew whose write is being made. */
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

  /** Time passes. */
  wait(ms: number): void {
    this.#now += ms;
    mock.timers.setTime(this.#now);
  }

  /** Time goes on as it does elsewhere. */
  end(): void {
    mock.timers.reset();
  }

  /** A request of Berth's. */
  send = ({ method = 'GET', ...request }: ApiRequest, known: Knowledge): ApiAnswer => {
    this.wait(requestMs);
    this.#writing = known;
    try {
      return refusalOf(request.body) ?? this.store.request({ ...request, method, userAgent: 'berth' });
    } finally {
      this.#writing = undefined;
    }
  };

  /** All that is so now. */
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

  /** Makes a LoadBalancer. */
  create(key: string, { spec = {}, ...meta }: ServiceFacts): void {
    const { namespace, name } = placeOf(key);
    const object = { metadata: { name, ...meta }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec } };
    this.#make(`/api/v1/namespaces/${namespace}/services`, object);
  }

  /** Says of a Service what it asks for; what is not said any more is so no longer. Its type and its class stay. */
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

  /** Deletes a Service, also one that was on its way out. */
  delete(key: string): void {
    if (this.service(key) === undefined) return;
    this.#patch(pathOf(key), { metadata: { finalizers: null } });
    if (this.service(key)) this.#ask({ method: 'DELETE', path: pathOf(key) });
  }

  /** Deletes a Service that another program's finalizer keeps. */
  terminate(key: string): void {
    const before = this.service(key);
    if (before === undefined || before.metadata.deletionTimestamp) return;
    this.#patch(pathOf(key), { metadata: { finalizers: ['example.org/slow'] } });
    this.#ask({ method: 'DELETE', path: pathOf(key) });
  }

  /** Another program writes the addresses in a Service's status. */
  overwrite(key: string, addresses: readonly string[]): void {
    if (this.service(key)?.spec.type !== 'LoadBalancer') return;
    const ingress = addresses.map((ip) => ({ ip }));
    const body = { status: { loadBalancer: { ingress: ingress.length > 0 ? ingress : null } } };
    this.#patch(`${pathOf(key)}/status`, body, 'metallb');
  }

  /** Makes a pool, or changes it. */
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

  /** Gives the node its addresses. */
  setNodes(addresses: readonly string[]): void {
    const all = addresses.map((address) => ({ type: 'InternalIP', address }));
    this.#patch(`${kinds.nodes}/n/status`, { status: { addresses: all } });
  }

  /** Gives a namespace its labels. */
  label(name: string, labels: Readonly<Record<string, string>>): void {
    this.#ask({ method: 'PUT', path: `${kinds.namespaces}/${name}`, body: { metadata: { name, labels } } });
  }

  /** Deletes an entry of the ledger. */
  lose(address: string): void {
    if (entryOf(this.facts, address)) this.#ask({ method: 'DELETE', path: entryPath(address) });
  }

  /** A person wants an address to be left. */
  renumber(address: string): void {
    const metadata = { annotations: { 'berth.dev/renumber': 'true' } };
    if (entryOf(this.facts, address)) this.#patch(entryPath(address), { metadata });
  }

  /** A speaker writes into the status of an entry. */
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

/** The one rule of the CRD between two fields of an entry, which the API server in memory does not know. */
function refusalOf(body: unknown): ApiAnswer | undefined {
  const { kind, metadata, spec } = (body ?? {}) as Partial<Entry> & { readonly kind?: string };
  if (kind !== 'IPAllocation' || (spec?.services ?? []).length > 0 || spec?.reservedUntil !== undefined)
    return undefined;
  const said = Object.keys(metadata?.annotations ?? {}).join();
  return invalid(`IPAllocation ${spec?.address} (${said})`, ['an entry without services needs reservedUntil']).answer;
}

/** Names of entries are addresses without colons: eight groups of four digits. */
function entryPath(address: string): string {
  if (!address.includes(':')) return `${kinds.allocations}/${address}`;
  const [head = '', tail = ''] = canonical(address).split('::');
  const groups = (half: string) => (half === '' ? [] : half.split(':'));
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return `${kinds.allocations}/${[...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join('-')}`;
}
