/** Late writes: a controller decides, is then paused, and its writes arrive after other controllers have decided. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryOf, refsOf } from '../../oracle/ledger.ts';
import { keyOf } from '../../oracle/objects.ts';
import { shownBy } from '../../oracle/wishes.ts';
import type { MemoryCluster } from './histories/cluster.ts';
import { kinds } from './histories/knowledge.ts';
import { lived } from './histories/live.ts';
import { written } from './histories/random.ts';

const pool = { addresses: ['192.0.2.1-192.0.2.9'] };

/** The Services that the entry of an address names. */
function usersOf({ facts }: MemoryCluster, address: string): readonly string[] {
  return refsOf(entryOf(facts, address)).map(keyOf);
}

/** The addresses that the Service shows. */
function shown(cluster: MemoryCluster, key: string): readonly string[] {
  const service = cluster.service(key);
  return service ? shownBy(service) : [];
}

test('a late deletion takes no address from a Service that shows it again', async () => {
  await lived({}, async (life) => {
    const { cluster } = life;
    cluster.setPool('p', pool);
    cluster.create('a/s', written({ requests: ['192.0.2.1'] }));
    await life.rest();
    const other = await life.other();
    // The Service moves, and its first address must be released.
    cluster.edit('a/s', written({ requests: ['192.0.2.2'] }));
    await (await life.leader()).pass();
    assert.deepEqual([shown(cluster, 'a/s'), usersOf(cluster, '192.0.2.1')], [['192.0.2.2'], ['a/s']]);
    await other.hear();
    await other.pass({ holds: true });
    // The Service asks for its first address again, and shows it, before the deletion arrives.
    cluster.edit('a/s', written({ requests: ['192.0.2.1'] }));
    await (await life.leader()).pass();
    assert.deepEqual(shown(cluster, 'a/s'), ['192.0.2.1']);
    await other.strike();
    assert.deepEqual(usersOf(cluster, '192.0.2.1'), ['a/s']);
    life.assertSound('at the end');
    await life.rest();
    assert.deepEqual([shown(cluster, 'a/s'), usersOf(cluster, '192.0.2.1')], [['192.0.2.1'], ['a/s']]);
  });
});

test('a late write does not remove a Service from an entry that it has joined again', async () => {
  await lived({}, async (life) => {
    const { cluster } = life;
    const key = { sharingKey: 'k' };
    const mail = { ...key, ports: [{ protocol: 'TCP', port: 25 }] };
    cluster.setPool('p', pool);
    cluster.create('a/web', written(key));
    await life.rest();
    cluster.create('a/mail', written(mail));
    await life.rest();
    assert.deepEqual(usersOf(cluster, '192.0.2.1'), ['a/web', 'a/mail']);
    const other = await life.other();
    cluster.edit('a/mail', written({ ...mail, requests: ['192.0.2.2'] }));
    await (await life.leader()).pass();
    await other.hear();
    await other.pass({ holds: true });
    cluster.edit('a/mail', written({ ...mail, requests: ['192.0.2.1'] }));
    await (await life.leader()).pass();
    await other.strike();
    assert.deepEqual([shown(cluster, 'a/mail'), usersOf(cluster, '192.0.2.1')], [['192.0.2.1'], ['a/web', 'a/mail']]);
    life.assertSound('at the end');
  });
});

test('a status that was decided before the Service changed is not written', async () => {
  await lived({}, async (life) => {
    const { cluster } = life;
    cluster.setPool('p', pool);
    const other = await life.other();
    cluster.create('a/s', written({}));
    await other.hear();
    // The entry is written, and the status is under way.
    await other.pass({ holds: true });
    cluster.edit('a/s', written({ requests: ['192.0.2.7'] }));
    await (await life.leader()).pass();
    assert.deepEqual(shown(cluster, 'a/s'), ['192.0.2.7']);
    await other.strike();
    assert.deepEqual(shown(cluster, 'a/s'), ['192.0.2.7']);
    life.assertSound('at the end');
    await life.rest();
    assert.deepEqual([usersOf(cluster, '192.0.2.1'), usersOf(cluster, '192.0.2.7')], [[], ['a/s']]);
  });
});

test('a controller that lags behind reads the Service again before it releases the address', async () => {
  await lived({}, async (life) => {
    const { cluster } = life;
    cluster.setPool('p', pool);
    cluster.create('a/s', written({}));
    await life.rest();
    const other = await life.other();
    cluster.retype('a/s', 'ClusterIP');
    await other.hear();
    cluster.retype('a/s', 'LoadBalancer');
    await (await life.leader()).pass();
    assert.deepEqual(shown(cluster, 'a/s'), ['192.0.2.1']);
    // It knows the present entry, and the former state of the Service.
    await other.hear(kinds.allocations);
    await other.pass();
    assert.deepEqual(usersOf(cluster, '192.0.2.1'), ['a/s']);
    life.assertSound('at the end');
  });
});

test('a late write is judged by the knowledge that its pass decided on', async () => {
  await lived({}, async (life) => {
    const { cluster } = life;
    cluster.setPool('p', pool);
    const other = await life.other();
    cluster.create('a/s', written({}));
    await (await life.leader()).pass();
    cluster.create('a/refused', written({ requests: ['192.0.2.1'] }));
    await other.hear(kinds.services);
    // The refusal is under way. An entry follows for an address that a Service shows: this controller knows no entry for it.
    await other.pass({ holds: true });
    cluster.setPool('p', { addresses: ['192.0.2.5-192.0.2.9'] });
    await other.hear(kinds.pools);
    cluster.delete('a/s');
    await (await life.leader()).pass();
    assert.deepEqual(usersOf(cluster, '192.0.2.1'), []);
    await other.strike();
    assert.deepEqual(usersOf(cluster, '192.0.2.1'), ['a/s']);
    life.assertSound('after the late entry');
    await life.rest();
    assert.deepEqual(usersOf(cluster, '192.0.2.1'), []);
  });
});

test('an address that was kept back meanwhile is not confirmed as in use', async () => {
  await lived({}, async (life) => {
    const { cluster } = life;
    const refused: unknown[] = [];
    const { send } = cluster;
    cluster.send = (request, known) => {
      const answer = send(request, known);
      if (answer.status === 422) refused.push((answer.body as { readonly message?: string }).message);
      return answer;
    };
    const both = { families: ['IPv4', 'IPv6'], familyPolicy: 'PreferDualStack' };
    cluster.setPool('p', { addresses: ['192.0.2.1', '2001:db8::1'], reuseAfter: '10s' });
    const other = await life.other();
    cluster.create('a/s', written(both));
    await other.hear();
    // It creates the second entry for a Service that now has only one family, and another port.
    cluster.edit('a/s', written({ ports: [{ protocol: 'UDP', port: 80 }] }));
    await (await life.leader()).pass();
    await other.pass();
    // The write of the port is under way, and the write that confirms the second entry follows.
    await other.pass({ holds: true });
    await (await life.leader()).pass();
    assert.equal(entryOf(cluster.facts, '2001:db8::1')?.spec.reservedUntil !== undefined, true, 'it is kept back');
    await other.hear();
    await other.strike();
    assert.ok(refused.length === 0, `the API server refuses: ${refused}`);
  });
});
