/** An address stays with the Service that has it. The program's own controllers run with real objects. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryOf, refsOf } from '../../oracle/ledger.ts';
import { keyOf } from '../../oracle/objects.ts';
import { isLoadBalancer, shownBy } from '../../oracle/wishes.ts';
import type { MemoryCluster } from './histories/cluster.ts';
import { kinds } from './histories/knowledge.ts';
import { type Life, lived } from './histories/live.ts';
import { type Facts, written } from './histories/random.ts';
import { assertRest } from './histories/rest.ts';

const pool = { addresses: ['192.0.2.1-192.0.2.9'] };
const tcp = (port: number) => ({ ports: [{ protocol: 'TCP', port }] });
const [web, mail] = [{ selector: { app: 'web' } }, { selector: { app: 'mail' } }];

/** Creates Services, one second apart, and waits until the controller is done. */
async function come({ cluster, rest }: Life, services: Readonly<Record<string, Facts>>): Promise<void> {
  for (const [key, facts] of Object.entries(services)) {
    cluster.create(key, written(facts));
    cluster.wait(1_000);
  }
  await rest();
}

/** The address that each Service shows: `a/s 192.0.2.1`. */
function shown({ facts }: MemoryCluster): readonly string[] {
  return facts.services.filter(isLoadBalancer).map((service) => `${keyOf(service.metadata)} ${shownBy(service)}`);
}

test('of the Services that share an address, the changed one leaves, whatever was changed', async () => {
  const key = { sharingKey: 'k' };
  const local = { ...key, local: true };
  const rows: readonly [string, Facts, Facts, Facts][] = [
    ['the policy of the older one', key, key, { local: true }],
    ['the selector of the older one', { ...local, ...web }, { ...local, ...web }, mail],
    [
      'the policy of the older one, and the other one asks for it',
      key,
      { ...key, requests: ['192.0.2.1'] },
      { local: true },
    ],
  ];
  const broken: string[] = [];
  for (const [desc, older, younger, change] of rows) {
    await lived({}, async (life) => {
      life.cluster.setPool('p', pool);
      await come(life, { 'a/older': { ...older, ...tcp(80) }, 'a/younger': { ...younger, ...tcp(443) } });
      assert.deepEqual(shown(life.cluster), ['a/older 192.0.2.1', 'a/younger 192.0.2.1'], `${desc}: shared first`);
      life.cluster.edit('a/older', written({ ...older, ...tcp(80), ...change }));
      await life.rest();
      const after = shown(life.cluster).join('; ');
      if (after !== 'a/older 192.0.2.2; a/younger 192.0.2.1') broken.push(`${desc}: ${after}`);
    });
  }
  assert.ok(broken.length === 0, broken.join(' | '));
});

test('Services with the policy Local share an address only if they have the same Pods', async () => {
  const local = { local: true, sharingKey: 'a,b/k' };
  const rows: readonly [string, string, Facts, Facts?][] = [
    ['equal selectors in two namespaces', 'b/t', { ...local, ...web }],
    ['no selectors', 'a/t', { ...local, selector: {} }],
    ['only one has Pods that are not ready', 'a/t', { ...local, ...web }, { unready: true }],
  ];
  const broken: string[] = [];
  for (const [desc, other, facts, ofOther = {}] of rows) {
    await lived({}, async (life) => {
      life.cluster.setPool('p', pool);
      await come(life, { 'a/s': { ...facts, ...tcp(80) }, [other]: { ...facts, ...tcp(443), ...ofOther } });
      const [one, two] = life.cluster.facts.services.map(shownBy).map(String);
      assert.equal(one, '192.0.2.1', desc);
      if (one === two) broken.push(`${desc} share ${one}`);
    });
  }
  assert.ok(broken.length === 0, broken.join(' | '));
});

test('a Service keeps its address when the pool that it asks for is split or renamed', async () => {
  const low = { addresses: ['192.0.2.1-192.0.2.4'] };
  const high = { addresses: ['192.0.2.5-192.0.2.9'] };
  const rows: readonly [string, readonly string[], (cluster: MemoryCluster) => void][] = [
    [
      'split',
      ['old'],
      (cluster) => {
        cluster.setPool('old', high);
        cluster.setPool('new', low);
      },
    ],
    [
      'renamed, and the Service names a second pool',
      ['old', 'spare'],
      (cluster) => {
        cluster.unsetPool('old');
        cluster.setPool('new', pool);
      },
    ],
  ];
  const broken: string[] = [];
  for (const [desc, requestedPools, change] of rows) {
    await lived({}, async (life) => {
      life.cluster.setPool('spare', { addresses: ['198.51.100.1'], autoAssign: false });
      life.cluster.setPool('old', pool);
      await come(life, { 'a/s': { requestedPools } });
      assert.deepEqual(shown(life.cluster), ['a/s 192.0.2.1'], `${desc}: before`);
      change(life.cluster);
      await life.rest();
      const after = shown(life.cluster).join();
      if (after !== 'a/s 192.0.2.1') broken.push(`${desc}: ${after}`);
    });
  }
  assert.ok(broken.length === 0, broken.join(' | '));
});

test('an address belongs to the pool that it was taken from, even if an older pool contains it too', async () => {
  await lived({}, async (life) => {
    const { cluster } = life;
    cluster.setPool('q', pool);
    cluster.create('a/s', written({}));
    await life.rest();
    // If pools were created in the same second, the first one by name counts as older.
    cluster.setPool('p', { ...pool, state: 'Cordoned' });
    cluster.edit('a/s', written({ requestedPools: ['p'] }));
    await life.rest();
    const condition = cluster.service('a/s')?.status?.conditions?.find(({ type }) => type === 'berth.dev/Allocated');
    assert.deepEqual([shown(cluster), condition?.reason], [['a/s 192.0.2.1'], 'PoolNotActive']);
    assertRest(cluster);
  });
});

test('a Service that is changed to require both families keeps its address until it can have both', async () => {
  await lived({}, async (life) => {
    const { cluster } = life;
    cluster.setPool('p', pool);
    await come(life, { 'a/s': {} });
    const both = { families: ['IPv4', 'IPv6'], familyPolicy: 'RequireDualStack', requests: ['192.0.2.3'] };
    cluster.edit('a/s', written(both));
    await life.rest();
    assert.deepEqual(shown(cluster), ['a/s 192.0.2.1']);
    assertRest(cluster);
    cluster.setPool('q', { addresses: ['2001:db8::1'] });
    await life.rest();
    assert.deepEqual(shown(cluster), ['a/s 192.0.2.3,2001:db8::1']);
    assertRest(cluster);
  });
});

test('an address that waited for a Service is shared as soon as the Service is back', async () => {
  await lived({}, async (life) => {
    const { cluster } = life;
    cluster.setPool('p', { ...pool, retainFor: '10s' });
    await come(life, { 'a/back': {} });
    cluster.delete('a/back');
    await life.rest();
    cluster.create('a/back', written({ sharingKey: 'k', ...tcp(80) }));
    cluster.create('a/joins', written({ sharingKey: 'k', ...tcp(443) }));
    await life.rest();
    assert.deepEqual(shown(cluster), ['a/back 192.0.2.1', 'a/joins 192.0.2.1']);
    assertRest(cluster);
  });
});

test('an address that waits for a Service waits, if the Service is back and requests another one', async () => {
  await lived({}, async (life) => {
    const { cluster } = life;
    cluster.setPool('p', { ...pool, retainFor: '10s' });
    await come(life, { 'a/back': {} });
    cluster.delete('a/back');
    await life.rest();
    // The older one of the two is decided first.
    cluster.create('a/joins', written({ sharingKey: 'k', ...tcp(443) }));
    cluster.wait(1_000);
    cluster.create('a/back', written({ sharingKey: 'k', ...tcp(80), requests: ['192.0.2.2'] }));
    await life.rest();
    assert.deepEqual(shown(cluster), ['a/back 192.0.2.2', 'a/joins 192.0.2.2']);
    assertRest(cluster);
  });
});

test('an address is free only after no Service shows it, not even one that is being deleted', async () => {
  // The test looks after each write of the pass.
  for (let writes = 1; writes <= 6; writes++) {
    await lived({}, async (life) => {
      life.cluster.setPool('p', { addresses: ['192.0.2.1'] });
      await come(life, { 'a/ending': {} });
      life.cluster.terminate('a/ending');
      life.cluster.create('a/next', written({}));
      const leader = await life.leader();
      await leader.pass({ writes });
      const after = shown(life.cluster);
      const both = after.filter((text) => text.endsWith(' 192.0.2.1'));
      assert.ok(both.length <= 1, `two Services show one address: ${both.join(', ')}`);
    });
  }
});

test('a Service that was created again stays in its entry, even if a controller lags behind', async () => {
  await lived({}, async (life) => {
    life.cluster.setPool('p', pool);
    await come(life, { 'a/s': {} });
    const other = await life.other();
    life.cluster.delete('a/s');
    life.cluster.create('a/s', written({}));
    await life.rest();
    const { uid = '' } = life.cluster.service('a/s')?.metadata ?? {};
    const named = () => refsOf(entryOf(life.cluster.facts, '192.0.2.1')).map((ref) => ref.uid);
    assert.deepEqual([shown(life.cluster), named()], [['a/s 192.0.2.1'], [uid]], 'it has its former address');
    // It learns about the entry, but not about the Service.
    await other.hear(kinds.allocations);
    await other.pass();
    assert.ok(
      named().includes(uid),
      'the entry of 192.0.2.1 names the former Service, and the new one shows the address',
    );
  });
});

test('a request that cannot be fulfilled changes nothing, even in the middle of a move', async () => {
  const wishes = { requestedPools: ['old'] };
  const rows: readonly [string, Facts][] = [
    ['an address of no pool', { ...wishes, requests: ['203.0.113.1'] }],
    ['two addresses', { ...wishes, requests: ['203.0.113.1', '203.0.113.2'] }],
  ];
  const broken: string[] = [];
  for (const [desc, facts] of rows) {
    await lived({}, async (life) => {
      life.cluster.setPool('old', pool);
      await come(life, { 'a/s': {} });
      life.cluster.setPool('new', { addresses: ['198.51.100.1'] });
      life.cluster.edit('a/s', written({ requestedPools: ['new'] }));
      // The Service shows its new address, and the old one is not released yet.
      await (await life.leader()).pass();
      assert.deepEqual(shown(life.cluster), ['a/s 198.51.100.1'], `${desc}: moved`);
      life.cluster.edit('a/s', written(facts));
      await life.rest();
      const after = shown(life.cluster).join();
      if (after !== 'a/s 198.51.100.1') broken.push(`${desc}: ${after}`);
    });
  }
  assert.ok(broken.length === 0, broken.join(' | '));
});

test('an API server whose CRD is older, so that it drops fields of entries, is not asked again and again', async () => {
  await lived({}, async (life) => {
    const { cluster } = life;
    const { send } = cluster;
    const isKnown = (field: string) => field !== 'backends' && field !== 'requestedPools';
    cluster.send = (request, known) => {
      const body = JSON.stringify(request.body, (field, value) => (isKnown(field) ? value : undefined));
      return send(body === undefined ? request : { ...request, body: JSON.parse(body) }, known);
    };
    cluster.setPool('p', pool);
    cluster.create('a/s', written({ sharingKey: 'k', requestedPools: ['p'] }));
    cluster.create('a/t', written({ sharingKey: 'k', ...tcp(443) }));
    const writes: number[] = [];
    for (let i = 0; i < 4; i++) writes.push((await (await life.leader()).pass()).writes);
    assert.deepEqual(shown(cluster), ['a/s 192.0.2.1', 'a/t 192.0.2.1']);
    assert.equal(writes.at(-1), 0, `writes of four passes: ${writes}`);
  });
});
