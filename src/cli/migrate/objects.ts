/** Creates the pools and advertisements of a migration. */
import { ApiError, type ApiRequest, hasStatus } from '../../kube/client.ts';
import { collections } from '../../kube/resources.ts';
import type { Reach } from '../cluster/session.ts';
import { wrong } from '../output/failure.ts';
import type { Migration } from './convert/metallb.ts';

/** The objects to create. */
export type NewObjects = Pick<Migration, 'pools' | 'advertisements'>;

/** Something with a name. */
interface Named {
  readonly name: string;
}

/** Leaves out the objects whose name exists: those stay as they are. */
export function withoutExisting(
  { pools, advertisements }: NewObjects,
  existing: { readonly pools: readonly Named[]; readonly advertisements: readonly Named[] },
): NewObjects {
  const isNew = (names: readonly Named[]) => {
    const known = new Set(names.map(({ name }) => name));
    return (one: { readonly metadata: Named }) => !known.has(one.metadata.name);
  };
  return {
    pools: pools.filter(isNew(existing.pools)),
    advertisements: advertisements.filter(isNew(existing.advertisements)),
  };
}

/** Creates the objects. Throws a Failure if the API server refuses one; one that exists already is not changed. */
export async function createObjects(objects: NewObjects, reach: Reach): Promise<void> {
  for (const request of requestsFor(objects)) await create(request, reach);
}

/** Has the API server check the objects (dry run). A webhook that allows no dry run says nothing about them, and is no refusal. */
export async function checkObjects(objects: NewObjects, reach: Reach): Promise<void> {
  for (const request of requestsFor(objects)) await create({ ...request, query: { dryRun: 'All' } }, reach);
}

interface CreateRequest extends ApiRequest {
  readonly path: string;
  readonly body: { readonly kind: string; readonly metadata: Named };
}

function requestsFor({ pools, advertisements }: NewObjects): readonly CreateRequest[] {
  return [
    ...pools.map((body) => ({ path: collections.pools, body })),
    ...advertisements.map((body) => ({ path: collections.advertisements, body })),
  ];
}

async function create(request: CreateRequest, reach: Reach): Promise<void> {
  try {
    await reach.client.json({ ...request, method: 'POST' });
  } catch (error) {
    const hasNoDryRun = request.query !== undefined && error instanceof ApiError && /dry run/i.test(error.message);
    if (hasNoDryRun || hasStatus(error, 409)) return;
    const { kind, metadata } = request.body;
    throw wrong(
      `the API server refuses ${kind} ${metadata.name}: ${(error as Error).message}`,
      'no Service was taken over; for details, run the command without --apply and kubectl apply -f its output',
    );
  }
}
