/**
 * The API server in memory. It accepts, refuses and reports changes to watches like the real one. Every call takes
 * effect at once, in the order of the calls: there is no timer and no network. `rules.ts` has the rules that it
 * imitates, as requests that can also be sent to the real API server.
 */
import type { Change, Listener } from './history.ts';
import { kinds, type Target, targetOf } from './kinds.ts';
import { listed } from './listing.ts';
import { type ApiObject, type Fields, isFields, timeText } from './objects.ts';
import { type ApiAnswer, alreadyExists, badRequest, conflict, notFound, Refusal } from './refusals.ts';
import { selectorOf } from './selectors.ts';
import { type Backup, Shelf } from './shelf.ts';
import { appliedTo, blank, bodyOf, created, nameOf, patched, updated, type Writing } from './writing.ts';

export type { Backup } from './shelf.ts';

/** One request. `path` starts with `/api`. */
export interface StoreRequest {
  readonly method?: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** The field manager of a write that names none is taken from it. */
  readonly userAgent?: string;
}

/** The options of a new store. */
export interface StoreOptions {
  /** The first version. */
  readonly revision?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** The problems of an object, by the rules of its kind. */
  readonly problemsOf?: Writing['problemsOf'];
  /** Called after every change. */
  readonly onChange?: (change: Change) => void;
}

const applyType = 'application/apply-patch+yaml';
const mergeType = 'application/merge-patch+json';
const startNamespaces = ['default', 'kube-system', 'berth-system'];

let stores = 0;

/** The API server without a network. The objects that it returns are shared and frozen. */
export class ApiStore {
  readonly #options: Required<Pick<StoreOptions, 'now' | 'problemsOf'>>;
  readonly #shelf: Shelf;
  /** Counts all writes. A number is never used twice, not even after a restore. */
  #serial = 0;
  readonly #number = ++stores;

  constructor({
    revision = 1_000,
    now = Date.now,
    problemsOf = () => [],
    onChange = () => undefined,
  }: StoreOptions = {}) {
    this.#options = { now, problemsOf };
    this.#shelf = new Shelf(revision, onChange);
    for (const name of startNamespaces)
      this.request({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name } } });
  }

  /** The version of the last change. */
  get revision(): number {
    return this.#shelf.revision;
  }

  /** Carries out a request. A refusal is an answer too. */
  request(request: StoreRequest): ApiAnswer {
    try {
      return this.#answer(request);
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      throw error;
    }
  }

  /** The answer to a request that changes nothing (dry run). */
  tried(request: StoreRequest): ApiAnswer {
    const copy = new ApiStore(this.#options);
    copy.restore(this.snapshot());
    return copy.request(request);
  }

  /**
   * Sends every change after the version in the query to a listener. Without a version, sends the present objects and
   * then every change. Returns a function that ends the watch.
   */
  watch(path: string, query: Readonly<Record<string, string>>, listener: Listener): () => void {
    const target = targetOf(path);
    if (target === undefined) throw notFound(path);
    const { kind, namespace, name } = target;
    const inPlace = selectorOf(query, namespace);
    const chooses = (object: ApiObject) => inPlace(object) && (name === undefined || object.metadata.name === name);
    const given = Number(query.resourceVersion ?? 0);
    if (given === 0) {
      for (const object of this.#shelf.sorted(kind)) if (chooses(object)) listener.event({ type: 'ADDED', object });
    }
    return this.#shelf.history.watch({
      ...{ collection: kind.collection, after: given || this.#shelf.revision, chooses, listener },
      ...{ bookmarks: query.allowWatchBookmarks === 'true', kind: { kind: kind.kind, apiVersion: kind.apiVersion } },
    });
  }

  /** All objects of a kind, in the order of a list. */
  all(collection: string): readonly ApiObject[] {
    const kind = kinds.get(collection);
    return kind ? this.#shelf.sorted(kind) : [];
  }

  /** Sends the present version to all watches that want bookmarks. */
  bookmark(): void {
    this.#shelf.history.bookmark(this.#shelf.revision);
  }

  /** Forgets all earlier changes. After that, no list or watch can start from an older version. */
  compact(): void {
    this.#shelf.history.compact(this.#shelf.revision);
  }

  /** Ends all watches and forgets all earlier changes, like an API server that restarts. */
  restart(): void {
    this.#shelf.history.end();
    this.compact();
  }

  /** A backup of the present state. */
  snapshot(): Backup {
    return this.#shelf.snapshot();
  }

  /** Restores a backup, including its version, as a restore of etcd does. All watches end. */
  restore(backup: Backup): void {
    this.#shelf.restore(backup);
  }

  #answer(request: StoreRequest): ApiAnswer {
    const { method = 'GET', path } = request;
    const target = targetOf(path);
    if (target === undefined)
      throw new Refusal(404, 'NotFound', { message: 'the server could not find the requested resource' });
    const { name, subresource } = target;
    if (method === 'GET')
      return {
        status: 200,
        body: name === undefined ? listed(this.#shelf, target, request.query) : this.#read(target),
      };
    if (method === 'POST' && name === undefined) return { status: 201, body: this.#create(target, request) };
    if (method === 'PUT' && name !== undefined) return { status: 200, body: this.#replace(target, request) };
    if (method === 'PATCH' && name !== undefined) return this.#patch(target, request);
    if (method === 'DELETE' && name !== undefined && subresource === '')
      return { status: 200, body: this.#delete(target, request) };
    throw new Refusal(405, 'MethodNotAllowed', { message: `${method} is not supported on ${path}` });
  }

  #read(target: Target): ApiObject {
    const found = this.#find(target);
    if (found === undefined) throw notFound(nameOf(target.kind, target.name ?? ''));
    return found;
  }

  #find({ kind, namespace, name = '' }: Target): ApiObject | undefined {
    return this.#shelf.get(kind, { name, namespace });
  }

  #create(target: Target, request: StoreRequest): ApiObject {
    const { kind, namespace } = target;
    if (kind.isNamespaced && namespace === undefined) throw badRequest('an object is created in a namespace');
    const after = created(bodyOf(request.body), this.#writing(target, request));
    if (this.#find({ ...target, name: after.metadata.name })) throw alreadyExists(nameOf(kind, after.metadata.name));
    if (namespace !== undefined && !this.#shelf.get(namespaceKind, { name: namespace })) {
      throw notFound(`namespaces "${namespace}"`);
    }
    return this.#shelf.store(kind, undefined, after);
  }

  #replace(target: Target, request: StoreRequest): ApiObject {
    const before = this.#read(target);
    return this.#shelf.store(
      target.kind,
      before,
      updated(bodyOf(request.body), before, this.#writing(target, request)),
    );
  }

  #patch(target: Target, request: StoreRequest): ApiAnswer {
    const { contentType, body, query = {} } = request;
    const { kind, subresource, name = '' } = target;
    const writing = this.#writing(target, request);
    if (contentType === mergeType) {
      if (!isFields(body)) throw badRequest('the patch is no object');
      const before = this.#read(target);
      return { status: 200, body: this.#shelf.store(kind, before, patched(body, before, writing)) };
    }
    if (contentType !== applyType)
      throw new Refusal(415, 'UnsupportedMediaType', { message: `${contentType} is not supported` });
    if (!query.fieldManager) throw badRequest('fieldManager is required for apply patch');
    const config = bodyOf(body);
    const before = this.#find(target);
    if (before) return { status: 200, body: this.#shelf.store(kind, before, appliedTo(config, before, writing)) };
    if (subresource !== '') throw notFound(nameOf(kind, name));
    if (config.metadata.uid) throw conflict(nameOf(kind, name), 'uid mismatch: no existing object was found');
    const start = created(bodyOf(blank(target)), writing);
    const bare = { ...start, metadata: { ...start.metadata, managedFields: [] } };
    return { status: 201, body: this.#shelf.store(kind, undefined, appliedTo(config, bare, writing)) };
  }

  #delete(target: Target, { body }: StoreRequest): unknown {
    const { kind, name = '' } = target;
    const before = this.#read(target);
    const { uid, resourceVersion } = (isFields(body) ? (body.preconditions as Fields | undefined) : undefined) ?? {};
    const { metadata } = before;
    if (uid !== undefined && uid !== metadata.uid) {
      throw conflict(
        nameOf(kind, name),
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`,
      );
    }
    if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
      throw conflict(
        nameOf(kind, name),
        `Precondition failed: resourceVersion ${resourceVersion}, it is ${metadata.resourceVersion}`,
      );
    }
    if ((metadata.finalizers ?? []).length > 0) {
      if (metadata.deletionTimestamp) return before;
      const deletionTimestamp = timeText(this.#options.now());
      const generation = metadata.generation === undefined ? {} : { generation: metadata.generation + 1 };
      const leaving = { ...metadata, ...generation, deletionTimestamp, deletionGracePeriodSeconds: 0 };
      return this.#shelf.store(kind, before, { ...before, metadata: leaving });
    }
    this.#shelf.remove(kind, before, before);
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name, kind: kind.resource, uid: metadata.uid },
    };
  }

  #writing(target: Target, { query = {}, userAgent = 'unknown' }: StoreRequest): Writing {
    const manager = query.fieldManager || userAgent.split('/')[0] || 'unknown';
    const { now, problemsOf } = this.#options;
    this.#serial += 1;
    return {
      target,
      manager,
      now: now(),
      store: this.#number,
      serial: this.#serial,
      force: query.force === 'true',
      problemsOf,
    };
  }
}

const namespaceKind = { collection: '/api/v1/namespaces' };
