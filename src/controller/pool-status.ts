/** Tells people in a pool's condition whether all of it can be used. */
import type { Condition } from '../api/meta.ts';
import type { PoolView } from '../api/pool.ts';
import { collections } from '../kube/resources.ts';
import type { Applier } from './apply.ts';

/** Writes the condition `Ready` of every pool whose condition says something else. */
export async function applyPoolStatus(applier: Applier): Promise<void> {
  const { client, watched, status, events } = applier;
  for (const pool of watched.pools.store.values()) {
    const before = pool.conditions.find(({ type }) => type === 'Ready');
    const ready = readyCondition(pool);
    if (before?.reason === ready.reason && before.message === ready.message) continue;
    const body = {
      apiVersion: 'berth.dev/v1beta1',
      kind: 'IPAddressPool',
      metadata: { name: pool.name, uid: pool.uid },
      status: { conditions: [{ ...ready, lastTransitionTime: status.now } satisfies Condition] },
    };
    const path = `${collections.pools}/${pool.name}/status`;
    const query = { fieldManager: status.ownership.writer };
    watched.pools.assume(
      await client.json({ method: 'PATCH', path, query, contentType: 'application/apply-patch+yaml', body }),
    );
    if (ready.status === 'True') continue;
    const regarding = { apiVersion: 'berth.dev/v1beta1', kind: 'IPAddressPool', name: pool.name, uid: pool.uid };
    await events.send({ regarding, type: 'Warning', reason: ready.reason, action: 'Read', note: ready.message });
  }
}

function readyCondition({ faults }: PoolView): Omit<Condition, 'lastTransitionTime'> {
  const [first] = faults;
  if (first === undefined)
    return { type: 'Ready', status: 'True', reason: 'Ready', message: 'all addresses can be used' };
  const message = `spec.addresses: ${faults.map((fault) => fault.message).join('; ')}; the other entries are used`;
  return { type: 'Ready', status: 'False', reason: first.reason, message };
}
