/** The requests of one rule. Each rule has its own objects. */
import assert from 'node:assert/strict';
import type { WatchEvent } from '../history.ts';
import { type ApiObject, type Fields, isFields } from '../objects.ts';
import type { ApiAnswer } from '../refusals.ts';
import type { StoreRequest } from '../store.ts';

/** An API server: the one in memory, or a real one. */
export interface AskedApi {
  request(request: StoreRequest): ApiAnswer | Promise<ApiAnswer>;
  /** The first `wanted` events of a watch, or fewer if it ends before. */
  watch(path: string, query: Readonly<Record<string, string>>, wanted: number): Promise<readonly WatchEvent[]>;
}

/** The path of Services in a namespace that every cluster has. */
export const services = '/api/v1/namespaces/default/services';
/** The path of the ledger. */
export const allocations = '/apis/berth.dev/v1beta1/ipallocations';
/** The path of Leases in that namespace. */
export const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
/** The content type of server-side apply. */
export const applyType = 'application/apply-patch+yaml';
/** The content type of a merge patch (RFC 7396). */
export const mergeType = 'application/merge-patch+json';

let count = 0;

/** Sends the requests of one rule, and removes its objects at the end. */
export class Asking {
  readonly #api: AskedApi;
  readonly #made: string[] = [];
  readonly name = `rule-${Date.now().toString(36)}-${count++}`;
  /** An address of the ledger that no other rule uses. */
  readonly address = `198.51.100.${(count % 200) + 1}`;

  constructor(api: AskedApi) {
    this.#api = api;
  }

  /** The path of the rule's Service. */
  get service(): string {
    return `${services}/${this.name}`;
  }

  /** The path of the rule's ledger entry. */
  get entry(): string {
    return `${allocations}/${this.address}`;
  }

  /** Sends any request. */
  async ask(method: string, path: string, rest: Partial<StoreRequest> = {}): Promise<ApiAnswer> {
    if (method === 'POST') {
      const { metadata } = rest.body as ApiObject;
      this.#made.push(`${path}/${metadata.name}`);
    }
    return this.#api.request({ method, path, ...rest });
  }

  /** Sends a request that must succeed, and returns the object. */
  async get(method: string, path: string, rest: Partial<StoreRequest> = {}): Promise<ApiObject> {
    const { status, body } = await this.ask(method, path, rest);
    assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(body)}`);
    return body as ApiObject;
  }

  /** Sends a request that must be refused. */
  async refused(code: number, reason: string, request: StoreRequest): Promise<Fields> {
    const { method = 'GET', path, ...rest } = request;
    const { status, body } = await this.ask(method, path, rest);
    const said = isFields(body) ? body.reason : undefined;
    assert.deepEqual([status, said], [code, reason], `${method} ${path}: ${JSON.stringify(body)}`);
    return body as Fields;
  }

  watch(path: string, query: Readonly<Record<string, string>>, wanted: number): Promise<readonly WatchEvent[]> {
    return this.#api.watch(path, query, wanted);
  }

  createService(spec: object = {}, metadata: object = {}): Promise<ApiObject> {
    const body = {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: this.name, ...metadata } },
      // No load balancer serves this class.
      spec: { type: 'LoadBalancer', loadBalancerClass: 'example.com/none', ports: [{ port: 80 }], ...spec },
    };
    return this.get('POST', services, { body });
  }

  createEntry(metadata: object = {}): Promise<ApiObject> {
    return this.get('POST', allocations, { body: this.entryBody(metadata) });
  }

  entryBody(metadata: object = {}, spec: object = {}): object {
    const users = [{ namespace: 'default', name: this.name, uid: 'none' }];
    return {
      ...{ apiVersion: 'berth.dev/v1beta1', kind: 'IPAllocation', metadata: { name: this.address, ...metadata } },
      spec: { address: this.address, pool: 'none', services: users, ...spec },
    };
  }

  apply(manager: string, status: object, { force = false, metadata = {} } = {}): Promise<ApiAnswer> {
    const body = {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: this.name, namespace: 'default', ...metadata } },
      status,
    };
    const query = { fieldManager: manager, ...(force && { force: 'true' }) };
    return this.ask('PATCH', `${this.service}/status`, { query, body, contentType: applyType });
  }

  patch(path: string, body: object): Promise<ApiObject> {
    return this.get('PATCH', path, { body, contentType: mergeType });
  }

  async clear(): Promise<void> {
    for (const path of this.#made) {
      await this.ask('PATCH', path, { body: { metadata: { finalizers: null } }, contentType: mergeType });
      await this.ask('DELETE', path);
    }
  }
}

const at = '2026-01-01T00:00:00Z';
/** A condition that the API server accepts. */
export const condition = (type: string, message = 'm') => ({
  ...{ type, status: 'True', reason: 'Reason', message, lastTransitionTime: at },
});
/** The version of an object. */
export const versionOf = ({ metadata }: ApiObject) => metadata.resourceVersion;
/** The status of a Service. */
export const statusOf = ({ status }: ApiObject) => status as { conditions?: readonly Fields[]; loadBalancer?: Fields };
/** The types of a Service's conditions. */
export const typesOf = (object: ApiObject) => (statusOf(object).conditions ?? []).map(({ type }) => type).sort();

/** The checks of rules, by the name of the rule. */
export type Checks = Readonly<Record<string, (asking: Asking) => Promise<void>>>;
