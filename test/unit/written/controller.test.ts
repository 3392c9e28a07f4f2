/**
 * Every object and every status that the controller writes fits its schema, whatever names and
 * texts the cluster uses.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawPool } from '../../../src/api/pool.ts';
import { fc } from '../../property.ts';
import { clusters, longName, now } from './clusters.ts';
import { type ControlledCluster, writesOf } from './controller-pass.ts';
import { faultsOfWrite, type Write } from './limits.ts';

const nothing: ControlledCluster = { pools: [], services: [], allocations: [], namespaces: [], advertisements: [] };
const metadata = { uid: 'uid', resourceVersion: '1' };

/** The method of a write, and its resource with the subresource. */
function kindOf({ method, path }: Write): string {
  const [, resource, status = ''] = /\/(services|events|ip\w+)(?:\/[^/]+(\/status)?)?$/.exec(path) ?? [];
  return `${method} ${resource}${status}`;
}

test('the API server accepts every write of the controller, however long the names of the cluster are', async () => {
  const kinds = new Set<string>();
  const property = fc.asyncProperty(clusters, async (cluster) => {
    for (const write of await writesOf(cluster, { now })) {
      kinds.add(kindOf(write));
      assert.deepEqual(faultsOfWrite(write), [], `${write.method} ${write.path}`);
    }
  });
  await fc.assert(property, { numRuns: 80 });
  assert.deepEqual([...kinds].sort(), [
    ...['DELETE ipallocations', 'PATCH ipaddresspools/status', 'PATCH ipallocations', 'PATCH services/status'],
    ...['POST events', 'POST ipallocations'],
  ]);
});

test('the Event about a pool is accepted, however long the name of the pool is', async () => {
  const spec = { addresses: ['192.0.2.9-192.0.2.1'] };
  const pool = { metadata: { ...metadata, name: longName('p') }, spec } as RawPool;
  const writes = await writesOf({ ...nothing, pools: [pool] }, { now });
  const events = writes.filter((write) => kindOf(write) === 'POST events');
  assert.equal(events.length, 1);
  assert.deepEqual(events.flatMap(faultsOfWrite), [], 'why the API server refuses the Event');
});

test('a Service gets its status, however long the values of its annotations are', async () => {
  const annotations = { 'berth.dev/hand-off': 'x'.repeat(40_000) };
  const service = {
    metadata: { ...metadata, name: 's', namespace: 'default', annotations },
    spec: { type: 'LoadBalancer', ipFamilies: ['IPv4'], ports: [{ port: 80, nodePort: 30_080 }] },
  };
  const pools = [{ metadata: { ...metadata, uid: 'pool', name: 'p' }, spec: { addresses: ['192.0.2.1'] } } as RawPool];
  const writes = await writesOf({ ...nothing, pools, services: [service] }, { now });
  const statuses = writes.filter((write) => kindOf(write) === 'PATCH services/status');
  assert.equal(statuses.length, 1);
  assert.deepEqual(statuses.flatMap(faultsOfWrite), [], 'why the API server refuses the status');
});
