/**
 * The writes of one controller pass, made by its own writers. A client records them and answers as
 * if all were accepted.
 */
import type { RawAdvertisement } from '../../../src/api/advertisement.ts';
import type { RawAllocation } from '../../../src/api/allocation.ts';
import type { HandOff } from '../../../src/api/hand-off.ts';
import type { RawNamespace } from '../../../src/api/namespace.ts';
import type { RawPool } from '../../../src/api/pool.ts';
import type { RawService } from '../../../src/api/service.ts';
import { applyDecisions, clearStrays } from '../../../src/controller/apply.ts';
import { InEffect } from '../../../src/controller/in-effect.ts';
import { LedgerWriter, releaseAll } from '../../../src/controller/ledger.ts';
import { endMoves } from '../../../src/controller/moves.ts';
import { PoolStatus } from '../../../src/controller/pool-status.ts';
import { makeInformers, snapshotOf } from '../../../src/controller/snapshot.ts';
import type { Writer } from '../../../src/controller/writer.ts';
import { settle } from '../../../src/ipam/allocate.ts';
import { StatusConflicts } from '../../../src/ipam/status-conflicts.ts';
import { ApiError, type ApiRequest, type KubeClient } from '../../../src/kube/client.ts';
import { EventSender } from '../../../src/kube/events.ts';
import { Backoff } from '../../../src/runtime/backoff.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import type { Loop } from '../../../src/runtime/loop.ts';
import { Stragglers } from '../../../src/runtime/stragglers.ts';
import { ownership } from '../fixtures.ts';
import type { Write } from './limits.ts';

/** The objects that the controller reads. */
export interface ControlledCluster {
  readonly pools: readonly RawPool[];
  readonly services: readonly RawService[];
  readonly allocations: readonly RawAllocation[];
  readonly namespaces: readonly RawNamespace[];
  readonly advertisements: readonly RawAdvertisement[];
}

let version = 1_000;

interface Stored {
  readonly metadata: { readonly uid: string; readonly name: string; readonly namespace?: string };
}

/**
 * Records every write and answers it with the written object. Services can be read. Any other
 * object is not found.
 */
export function keepingClient(stored: readonly Stored[]): {
  readonly client: KubeClient;
  readonly writes: readonly Write[];
} {
  const writes: Write[] = [];
  const json = async ({ method = 'GET', path, body }: ApiRequest): Promise<unknown> => {
    if (method === 'GET') {
      const at = ({ metadata: { namespace, name } }: Stored) => path.endsWith(`/${namespace}/services/${name}`);
      const found = stored.find(at);
      if (found === undefined) throw new ApiError(404, {});
      return found;
    }
    const object = structuredClone(body) as Write['body'] & { readonly metadata: Partial<Stored['metadata']> };
    writes.push({ method, path, body: object });
    const known = stored.find(({ metadata }) => metadata.uid === object.metadata?.uid);
    const metadata = { uid: `made-${path}`, ...known?.metadata, ...object.metadata, resourceVersion: `${++version}` };
    return { ...known, ...object, metadata };
  };
  const apply = (request: ApiRequest) => json({ ...request, method: 'PATCH' });
  return { client: { json, apply } as unknown as KubeClient, writes };
}

/** The writes of one pass over a cluster, at a time in milliseconds since 1970. */
export async function writesOf(
  cluster: ControlledCluster,
  { handOff = 'KubeProxy' as HandOff, now = 0 } = {},
): Promise<readonly Write[]> {
  const { client, writes } = keepingClient(Object.values(cluster).flat() as readonly Stored[]);
  const log = createLogger('test', 'silent');
  const informers = makeInformers(client, log, () => undefined);
  for (const informer of Object.values(informers)) informer.seed([]);
  for (const [kind, objects] of Object.entries(cluster) as [keyof ControlledCluster, readonly never[]][]) {
    for (const object of objects) informers[kind].assume(object);
  }
  const advertised = () => cluster.advertisements.length > 0;
  const writerNow = (): Writer => ({
    ...{ client, log, informers, inEffect: new InEffect(), backoff: new Backoff(), stragglers: new Stragglers() },
    events: new EventSender({ client, log, component: 'controller' }),
    loop: { trigger: () => undefined, triggerIn: () => undefined } as unknown as Loop,
    signal: new AbortController().signal,
    status: {
      ...{ ownership, advertised, conflicts: new StatusConflicts(), handOff, now },
      entryOf: (address) => informers.allocations.store.values().find((entry) => entry.address === address),
    },
  });
  const decide = () => settle({ ...snapshotOf(informers), ownership, now });
  await releaseAll(decide().plan.releases, writerNow());
  const settled = decide();
  const writer = writerNow();
  await applyDecisions(settled.plan.decisions, new LedgerWriter(settled.plan.binds, writer), writer);
  await clearStrays(settled.plan.strays, writer);
  await endMoves(informers.allocations.store.values(), writer);
  await new PoolStatus().apply(settled, writer);
  return writes;
}
