/** Tells people in a pool's condition whether all of it can be used. */
import type { Condition } from '../api/meta.ts';
import type { PoolView } from '../api/pool.ts';
import { hasStatus } from '../kube/client.ts';
import { collections } from '../kube/resources.ts';
import { type Writer, writeEach } from './writer.ts';

/** Writes the condition `Ready` of every pool whose condition says something else. */
export function applyPoolStatus(writer: Writer): Promise<void> {
  const news = writer.watched.pools.store.values().filter((pool) => isNews(pool, readyCondition(pool)));
  return writeEach(writer, news, { of: (pool) => pool, write: (pool) => writeReady(pool, writer) });
}

async function writeReady(pool: PoolView, { client, events, signal, status, watched }: Writer): Promise<void> {
  const ready = readyCondition(pool);
  const before = current(pool);
  const lastTransitionTime = before?.status === ready.status ? before.lastTransitionTime : status.now;
  const body = {
    apiVersion: 'berth.dev/v1beta1',
    kind: 'IPAddressPool',
    metadata: { name: pool.name, uid: pool.uid },
    status: { conditions: [{ ...ready, lastTransitionTime } satisfies Condition] },
  };
  const path = `${collections.pools}/${pool.name}/status`;
  const query = { fieldManager: status.ownership.writer };
  const contentType = 'application/apply-patch+yaml';
  try {
    watched.pools.assume(await client.json({ method: 'PATCH', path, query, contentType, body, signal }));
  } catch (error) {
    // Deleted meanwhile.
    if (hasStatus(error, 404)) return;
    throw error;
  }
  if (ready.status === 'True') return;
  const regarding = { apiVersion: 'berth.dev/v1beta1', kind: 'IPAddressPool', name: pool.name, uid: pool.uid };
  await events.send({ regarding, type: 'Warning', reason: ready.reason, action: 'Read', note: ready.message });
}

function isNews(pool: PoolView, ready: Omit<Condition, 'lastTransitionTime'>): boolean {
  const before = current(pool);
  return before?.reason !== ready.reason || before.message !== ready.message;
}

function current({ conditions }: PoolView): Condition | undefined {
  return conditions.find(({ type }) => type === 'Ready');
}

function readyCondition({ faults, ranges }: PoolView): Omit<Condition, 'lastTransitionTime'> {
  const [first] = faults;
  if (first === undefined) {
    return { type: 'Ready', status: 'True', reason: 'Ready', message: 'all addresses can be used' };
  }
  const left = ranges.length === 0 ? 'no address of this pool is given out' : 'the other entries are used';
  const message = `${faults.map((fault) => fault.message).join('; ')}; ${left}`;
  return { type: 'Ready', status: 'False', reason: first.reason, message };
}
