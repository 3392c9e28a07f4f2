/**
 * Requests of tests to the lab's API server, over HTTP from the process of the test. To start kubectl for each request
 * would cost more than all work of the cluster. Berth's own client is not used here.
 */
import { parseAllDocuments } from 'yaml';
import { type Answer, ApiConnection, ApiError, type ApiServer, type Call } from './api-connection.ts';
import { eventually } from './poll.ts';
import { groupPath, pathOf, type Resource } from './resources.ts';

export { ApiError } from './api-connection.ts';
export type { Resource } from './resources.ts';

/** The fields that all objects have. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** The namespace of an object: `default` if none is named. */
export interface Where {
  readonly namespace?: string;
}

/** A selection among the objects of a kind. */
export interface Selection extends Where {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** How objects are deleted. */
export interface Deletion {
  /** Whether to wait until the objects are gone. */
  readonly wait?: boolean;
}

/** A merge patch (RFC 7396), with the namespace and the subresource that it is for. */
export interface Patch extends Where {
  readonly subresource?: 'scale' | 'status';
  readonly metadata?: object;
  readonly spec?: object;
  readonly status?: object;
}

/** A kind, in the form that discovery returns. */
interface Kind {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** The field manager of everything that tests write. */
const fieldManager = 'berth-lab';

/** The API server, with the rights of the administrator. */
export class Api {
  readonly #server: ApiConnection;
  readonly #kinds = new Map<string, readonly Kind[]>();

  constructor(server: ApiServer) {
    this.#server = new ApiConnection(server);
  }

  /** An object. Throws if it does not exist. */
  get<T = KubeObject>(resource: Resource, name: string, where: Where = {}): Promise<T> {
    return this.#server.json<T>({ path: pathOf(resource, { ...where, name }) });
  }

  /** An object, or undefined if it does not exist. */
  find<T = KubeObject>(resource: Resource, name: string, where: Where = {}): Promise<T | undefined> {
    return unlessMissing(this.get<T>(resource, name, where));
  }

  /** The API server's answer, also if it is not a success. */
  answer(call: Call): Promise<Answer> {
    return this.#server.answer(call);
  }

  /** All objects of a kind in a namespace, or only those that the selectors match. */
  async list<T = KubeObject>(resource: Resource, selection: Selection = {}): Promise<readonly T[]> {
    const { labelSelector, fieldSelector, ...where } = selection;
    const call = { path: pathOf(resource, where), query: { labelSelector, fieldSelector } };
    return (await this.#server.json<{ readonly items: readonly T[] }>(call)).items;
  }

  /** The log of a Pod's only container, since a time if one is given. */
  log(pod: string, { namespace, since }: Where & { readonly since?: Date } = {}): Promise<string> {
    const path = `${pathOf('pods', { ...(namespace === undefined ? {} : { namespace }), name: pod })}/log`;
    return this.#server.text({ path, query: { sinceTime: since?.toISOString() } });
  }

  /** Applies objects (YAML or JSON, one document or many), as `kubectl apply --server-side --force-conflicts` does. */
  async apply(text: string, { namespace }: Where = {}): Promise<void> {
    for (const object of objectsIn(text)) {
      const path = `${await this.#collectionOf(object, namespace)}/${object.metadata.name}`;
      const query = { fieldManager, force: 'true', fieldValidation: 'Strict' };
      const contentType = 'application/apply-patch+yaml';
      await this.#server.json({ method: 'PATCH', path, query, contentType, body: withoutNulls(object) });
    }
  }

  /** Lets the API server check new objects (a dry run), and returns them in the form in which it would store them. */
  async tryToCreate<T = KubeObject>(text: string): Promise<readonly T[]> {
    const created: T[] = [];
    for (const body of objectsIn(text)) {
      const query = { dryRun: 'All', fieldManager, fieldValidation: 'Strict' };
      created.push(await this.#server.json<T>({ method: 'POST', path: await this.#collectionOf(body), query, body }));
    }
    return created;
  }

  /** Changes an object. */
  async patch(resource: Resource, name: string, patch: Patch): Promise<void> {
    const { namespace, subresource, ...body } = patch;
    const object = pathOf(resource, { ...(namespace === undefined ? {} : { namespace }), name });
    const path = subresource === undefined ? object : `${object}/${subresource}`;
    const contentType = 'application/merge-patch+json';
    await this.#server.json({ method: 'PATCH', path, query: { fieldManager }, contentType, body });
  }

  /** Deletes an object if it exists, and waits until it is gone. */
  async delete(resource: Resource, name: string, { wait = true, ...where }: Where & Deletion = {}): Promise<void> {
    const path = pathOf(resource, { ...where, name });
    // As with kubectl, the objects that it owns are deleted after it.
    const query = { propagationPolicy: 'Background' };
    const answer = await unlessMissing(this.#server.json<KubeObject>({ method: 'DELETE', path, query }));
    // If the deletion takes time, the answer is the object itself.
    if (!wait || answer === undefined || answer.kind === 'Status') return;
    await eventually(`the end of ${path}`, async () => {
      const found = await this.find(resource, name, where);
      return found === undefined || found.metadata.uid !== answer.metadata.uid;
    });
  }

  /** Deletes all objects of a kind in a namespace, or only those that the selectors match, and waits until they are gone. */
  async deleteAll(resource: Resource, selection: Selection & Deletion = {}): Promise<void> {
    const found = await this.list(resource, selection);
    const { namespace, wait = true } = selection;
    const how = { wait, ...(namespace === undefined ? {} : { namespace }) };
    await Promise.all(found.map(({ metadata: { name } }) => this.delete(resource, name, how)));
  }

  /** The path of all objects of this kind. An unknown kind may be new, so the API server's discovery is read again. */
  async #collectionOf({ apiVersion, kind, metadata }: KubeObject, namespace = 'default'): Promise<string> {
    const group = groupPath(apiVersion);
    const find = () => this.#kinds.get(group)?.find((one) => one.kind === kind && !one.name.includes('/'));
    if (find() === undefined) {
      const { resources } = await this.#server.json<{ readonly resources: readonly Kind[] }>({ path: group });
      this.#kinds.set(group, resources);
    }
    const found = find();
    if (found === undefined) throw new Error(`no matches for kind "${kind}" in version "${apiVersion}"`);
    const scope = found.namespaced ? `/namespaces/${metadata.namespace ?? namespace}` : '';
    return `${group}${scope}/${found.name}`;
  }
}

/** The objects in all documents of a text, including the objects in lists. */
function objectsIn(text: string): readonly KubeObject[] {
  if (text.startsWith('{"')) return [JSON.parse(text) as KubeObject].flatMap(membersOf);
  // As with kubectl, the last one of two equal keys wins.
  const documents = parseAllDocuments(text, { uniqueKeys: false, prettyErrors: false });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return membersOf(document.toJS() as KubeObject | null);
  });
}

/** The objects of a list, or the object itself if it is not a list. */
function membersOf(object: (KubeObject & { readonly items?: readonly KubeObject[] }) | null): readonly KubeObject[] {
  return object === null ? [] : (object.items ?? [object]);
}

/** The value without its `null` fields. A field without a value must not be applied, but for the API server `null` is a value. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== null);
  return Object.fromEntries(entries.map(([name, one]) => [name, withoutNulls(one)]));
}

/** The result of a request, or undefined if there is no such object. */
async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  });
}
