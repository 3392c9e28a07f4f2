/** Reads from the API server once, and says what went wrong in words that lead somewhere. */
import { ApiError, type ApiRequest } from '../../kube/client.ts';
import { resourceAt } from '../../kube/resources.ts';
import { exits, Failure, Forbidden } from '../output/failure.ts';
import type { Reach } from './session.ts';

interface Page<R> {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly R[];
}

/** All objects at a path, page by page. */
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

/** One object, or undefined where there is none. */
export async function readOne<R>(reach: Reach, path: string): Promise<R | undefined> {
  try {
    return await reach.client.json<R>({ path });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw explained(error, reach, { verb: 'get', path });
  }
}

/** One request; `verb` is what RBAC calls it. */
export async function ask<T>(reach: Reach, request: ApiRequest, verb: string): Promise<T> {
  try {
    return await reach.client.json<T>(request);
  } catch (error) {
    throw explained(error, reach, { verb, path: request.path });
  }
}

/** What a request that failed was for. */
interface FailedRequest {
  readonly verb: string;
  readonly path: string;
}

/** A Failure for an error of the client; other errors stay as they are. */
export function explained(error: unknown, { server }: Reach, { verb, path }: FailedRequest): unknown {
  if (error instanceof Failure) return error;
  if (!(error instanceof ApiError)) {
    const { code, message, cause } = error as Error & { readonly code?: string };
    const why = message || code || String(cause ?? 'no answer');
    const hint = 'is the cluster up, and is this the right --context? kubectl cluster-info asks the same server';
    return new Failure(exits.unreachable, `the API server ${server} cannot be reached: ${why}`, hint);
  }
  const resource = resourceOf(path);
  if (error.status === 401) {
    return new Failure(exits.unreachable, `the API server ${server} does not know who you are`, 'log in again');
  }
  if (error.status === 403) {
    const hint = `ask for verb ${verb} on ${resource}; kubectl auth can-i ${verb} ${resource} tells whether you have it`;
    return new Forbidden(exits.unreachable, `you may not ${verb} ${resource}`, hint);
  }
  if (error.status === 404 && path.startsWith('/apis/berth.dev/')) {
    const hint = 'install Berth first (helm install berth charts/berth --namespace berth-system --create-namespace)';
    return new Failure(exits.unreachable, `Berth is not installed in the cluster ${server}: no ${resource}`, hint);
  }
  return new Failure(exits.unreachable, `${verb} ${resource} failed: ${error.message || `HTTP ${error.status}`}`);
}

/** `services`, `ipaddresspools.berth.dev`, as RBAC names the resource of a path. */
export function resourceOf(path: string): string {
  const { group, resource } = resourceAt(path);
  const [kind = '', ...sub] = resource.split('/');
  return [group === '' ? kind : `${kind}.${group}`, ...sub].join('/');
}
