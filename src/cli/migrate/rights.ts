/** Asks the API server for every right that a migration needs, before anything is changed. */
import type { RawService } from '../../api/service.ts';
import { collections, resourceAt } from '../../kube/resources.ts';
import { ask } from '../cluster/read.ts';
import type { Reach } from '../cluster/session.ts';
import type { Workload } from '../doctor/facts.ts';
import type { Migration } from './convert/metallb.ts';
import { workloadPath } from './programs.ts';
import type { Obstacle } from './reach.ts';

/** A request that will be sent. */
interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  /** Empty: in all namespaces, or outside of them. */
  readonly namespace: string;
  /** Empty: every object. */
  readonly name: string;
}

/** The changes that a migration makes. */
export interface Changes extends Pick<Migration, 'pools' | 'advertisements'> {
  readonly services: readonly RawService[];
  /** The programs that are stopped or started. */
  readonly programs: readonly Workload[];
}

/** The rights that the user lacks, each as an obstacle. */
export async function missingRights(
  { pools, advertisements, services, programs }: Changes,
  reach: Reach,
): Promise<readonly Obstacle[]> {
  const needed = [
    ...programs.flatMap((program) => ['get', 'patch'].map((verb) => rightTo(verb, workloadPath(program), program))),
    ...(pools.length > 0 ? [rightTo('create', collections.pools)] : []),
    ...(advertisements.length > 0 ? [rightTo('create', collections.advertisements)] : []),
  ];
  const missing = (await inTurn(needed, async (right) => ((await isAllowed(right, reach)) ? [] : [right]))).flat();
  const namespaces = [...new Set(services.map(({ metadata }) => metadata.namespace ?? ''))];
  const ofServices = await inTurn(['get', 'patch'], (verb) =>
    missingIn(namespaces, rightTo(verb, collections.services), reach),
  );
  return [...missing, ...ofServices.flat()].map(obstacle);
}

/** The namespaces in which a right is missing; a right in all namespaces is asked for first. */
async function missingIn(namespaces: readonly string[], right: Right, reach: Reach): Promise<readonly Right[]> {
  if (namespaces.length === 0 || (await isAllowed(right, reach))) return [];
  const all = namespaces.map((namespace) => ({ ...right, namespace }));
  return (await inTurn(all, async (one) => ((await isAllowed(one, reach)) ? [] : [one]))).flat();
}

/** One request after the other: an API server limits how many come at once. */
async function inTurn<T, R>(all: readonly T[], each: (one: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (const one of all) results.push(await each(one));
  return results;
}

function rightTo(verb: string, path: string, { namespace = '', name = '' } = {}): Right {
  const { group, resource } = resourceAt(path);
  return { verb, group, resource, namespace, name };
}

/** Asks by a SelfSubjectAccessReview (authorization.k8s.io), which every user may create. */
async function isAllowed(right: Right, reach: Reach): Promise<boolean> {
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const body = {
    ...{ apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' },
    spec: { resourceAttributes: right },
  };
  const review = await ask<{ readonly status?: { readonly allowed?: boolean } }>(
    reach,
    { method: 'POST', path, body },
    'create',
  );
  return review.status?.allowed === true;
}

function obstacle({ verb, group, resource, namespace, name }: Right): Obstacle {
  const full = `${resource}${group === '' ? '' : `.${group}`}${name === '' ? '' : `/${name}`}`;
  const where = namespace === '' ? '' : ` in namespace ${namespace}`;
  return {
    what: `you may not ${verb} ${full}${where}`,
    todo: `kubectl auth can-i ${verb} ${full}${namespace === '' ? '' : ` --namespace ${namespace}`} must say yes`,
  };
}
