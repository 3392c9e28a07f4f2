/**
 * Every object and every status that the controller writes fits its schema, whatever names and
 * texts the cluster uses.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawAllocation } from '../../../src/api/allocation.ts';
import { entryLimits } from '../../../src/api/entry-fields.ts';
import type { RawPool } from '../../../src/api/pool.ts';
import { fc } from '../../property.ts';
import { clusters, longName, now } from './clusters.ts';
import { type ControlledCluster, writesOf } from './controller-pass.ts';
import { faultsOfWrite, type Write } from './limits.ts';
import { schemaOf } from './schema.ts';

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

test('the limits that the program knows are those of the schema of an entry', () => {
  const { services, ...spec } = schemaOf('ipallocations').properties?.spec?.properties ?? {};
  const { ports, backends, requestedPools, namespace, name, uid } = services?.items?.properties ?? {};
  assert.deepEqual(entryLimits, {
    services: services?.maxItems,
    ports: ports?.maxItems,
    backends: backends?.maxLength,
    requestedPools: requestedPools?.maxItems,
    pool: spec.pool?.maxLength,
    name: name?.maxLength,
    uid: uid?.maxLength,
    sharingKey: spec.sharingKey?.maxLength,
    formerNamespaces: spec.formerNamespaces?.maxItems,
  });
  assert.equal(namespace?.maxLength, entryLimits.name);
  assert.equal(requestedPools?.items?.maxLength, entryLimits.pool);
  assert.equal(spec.formerNamespaces?.items?.maxLength, entryLimits.name);
});

test('a Service with more ports than an entry has room for does not keep others from their addresses', async () => {
  const service = (name: string, ports: readonly number[]) => ({
    metadata: { ...metadata, name, namespace: 'default', uid: name, annotations: { 'berth.dev/allow-shared-ip': 'k' } },
    spec: { type: 'LoadBalancer', ipFamilies: ['IPv4'], ports: ports.map((port) => ({ port })) },
  });
  const pools = [{ metadata: { ...metadata, uid: 'pool', name: 'p' }, spec: { addresses: ['192.0.2.1'] } } as RawPool];
  const refs = ['a', 'b'].map((name) => ({
    namespace: 'default',
    name,
    uid: name,
    ports: [{ protocol: 'TCP', port: 7 }],
  }));
  const spec = { address: '192.0.2.1', pool: 'p', services: refs, sharingKey: 'default/k' };
  const entry = { metadata: { ...metadata, uid: 'entry', name: '192.0.2.1' }, spec } as RawAllocation;
  const services = [
    service('a', [80]),
    service(
      'b',
      Array.from({ length: 20_000 }, (_, i) => i + 1_000),
    ),
  ];
  const writes = await writesOf({ ...nothing, pools, services, allocations: [entry] }, { now });
  assert.deepEqual(writes.flatMap(faultsOfWrite), []);
  const shown = writes.flatMap(({ path, body }) => (path.endsWith('/a/status') ? JSON.stringify(body.status) : []));
  assert.match(shown.join(), /"ip":"192\.0\.2\.1"/);
});
