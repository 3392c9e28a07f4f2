/** Reads from the API server once, and turns errors into messages that say what to do. */
import { ApiError, type ApiRequest } from '../../kube/client.ts';
import { resourceAt } from '../../kube/resources.ts';
import { exits, Failure, Forbidden } from '../output/failure.ts';
import type { Reach } from './session.ts';

interface Page<R> {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly R[];
}

/** Reads all objects at a path, page by page. */
export async function listAll<R>(reach: Reach, path: string, labelSelector?: string): Promise<readonly R[]> {
  const items: R[] = [];
  let token: string | undefined;
  do {
    const query = { limit: '500', ...(labelSelector && { labelSelector }), ...(token && { continue: token }) };
    const page: Page<R> = await ask(reach, { path, query }, 'list');
    items.push(...(page.items ?? []));
    token = page.metadata?.continue;
  } while (token);
  return items;
}

/** Lists the objects of a kind; undefined if the cluster does not serve the kind. */
export async function listIfServed<R>(reach: Reach, path: string): Promise<readonly R[] | undefined> {
  const page = await readOne<Page<R>>(reach, path);
  return page && (page.items ?? []);
}

/** Reads one object; undefined if it does not exist. */
export async function readOne<R>(reach: Reach, path: string): Promise<R | undefined> {
  try {
    return await reach.client.json<R>({ path });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw explained(error, reach, { verb: 'get', path });
  }
}

/** Sends one request; `verb` is its RBAC verb. */
export async function ask<T>(reach: Reach, request: ApiRequest, verb: string): Promise<T> {
  try {
    return await reach.client.json<T>(request);
  } catch (error) {
    throw explained(error, reach, { verb, path: request.path });
  }
}

/** The verb and path of a request that failed. */
interface FailedRequest {
  readonly verb: string;
  readonly path: string;
}

/** Turns an error of the client into a Failure; a Failure stays as it is. */
export function explained(error: unknown, { server }: Reach, { verb, path }: FailedRequest): unknown {
  if (error instanceof Failure) return error;
  if (!(error instanceof ApiError)) {
    const { code, message, cause } = error as Error & { readonly code?: string };
    const why = message || code || String(cause ?? 'no answer');
    const hint = 'check that the cluster is up and the --context is right: kubectl cluster-info asks the same server';
    return new Failure(exits.unreachable, `the API server ${server} cannot be reached: ${why}`, hint);
  }
  const resource = resourceOf(path);
  if (error.status === 401) {
    return new Failure(exits.unreachable, `the API server ${server} does not accept your credentials`, 'log in again');
  }
  if (error.status === 403) {
    const hint = `ask for verb ${verb} on ${resource}; kubectl auth can-i ${verb} ${resource} shows whether you have it`;
    return new Forbidden(exits.unreachable, `you may not ${verb} ${resource}`, hint);
  }
  if (error.status === 404 && path.startsWith('/apis/berth.dev/')) {
    const hint = 'install Berth first (helm install berth charts/berth --namespace berth-system --create-namespace)';
    return new Failure(exits.unreachable, `Berth is not installed in the cluster ${server}: no ${resource}`, hint);
  }
  return new Failure(exits.unreachable, `${verb} ${resource} failed: ${error.message || `HTTP ${error.status}`}`);
}

/** The resource of a path in RBAC's form: `services`, `ipaddresspools.berth.dev`. */
export function resourceOf(path: string): string {
  const { group, resource } = resourceAt(path);
  const [kind = '', ...sub] = resource.split('/');
  return [group === '' ? kind : `${kind}.${group}`, ...sub].join('/');
}
