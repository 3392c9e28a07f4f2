/** The status of a Service that Berth serves, after another program wrote it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shownBy } from '../../oracle/wishes.ts';
import { lived } from './histories/live.ts';
import { type Facts, written } from './histories/random.ts';

/** Longer than the minute after which another program counts as quiet. */
const quietMs = 70_000;

/** Why a Service leaves its address: its request at first, its changed request, and the address that it gets. */
interface Row {
  readonly desc: string;
  readonly first: Facts;
  readonly change: Facts;
  readonly instead: string;
}

const mail: Facts = { sharingKey: 'k', ports: [{ protocol: 'TCP', port: 25 }] };

test('the status that a quiet program left is replaced, even if the Service must leave its address in the ledger', async () => {
  const rows: readonly Row[] = [
    { desc: 'it asks for another one', first: {}, change: { requests: ['192.0.2.7'] }, instead: '192.0.2.7' },
    { desc: 'it can no longer share', first: mail, change: { ...mail, local: true }, instead: '192.0.2.2' },
    { desc: 'it has the other family', first: { families: ['IPv6'] }, change: {}, instead: '192.0.2.2' },
  ];
  const broken: string[] = [];
  for (const { desc, first, change, instead } of rows) {
    await lived({ isBesideOthers: true }, async ({ cluster, rest }) => {
      const shown = () => cluster.facts.services.map((service) => shownBy(service).join());
      cluster.setPool('p', { addresses: ['192.0.2.1-192.0.2.9', '2001:db8::1'] });
      cluster.create('a/s', written({ sharingKey: 'k' }));
      cluster.wait(1_000);
      cluster.create('a/t', written(first));
      await rest();
      const [, before = ''] = shown();
      assert.notEqual(before, '', desc);
      cluster.edit('a/t', written(change));
      // The other program empties the status and writes the same address again. So the address is no longer Berth's own write.
      cluster.overwrite('a/t', []);
      cluster.overwrite('a/t', [before]);
      await rest();
      cluster.wait(quietMs);
      await rest();
      const [, after = ''] = shown();
      if (after !== instead) broken.push(`${desc}: ${after} stays`);
    });
  }
  assert.ok(broken.length === 0, broken.join(' | '));
});

test('a status of another program is cleared only if it shows an address that its Service must leave', async () => {
  const rows: readonly [desc: string, written: string, instead: string][] = [
    ['the address that it must leave', '192.0.2.1', ''],
    ["the other program's own address", '203.0.113.9', '203.0.113.9'],
  ];
  for (const [desc, theirs, instead] of rows) {
    await lived({ isBesideOthers: true }, async ({ cluster, rest }) => {
      cluster.setPool('p', { addresses: ['192.0.2.1'] });
      cluster.create('a/s', written({ sharingKey: 'k' }));
      cluster.wait(1_000);
      cluster.create('a/t', written(mail));
      await rest();
      // No other address is free.
      cluster.edit('a/t', written({ ...mail, local: true }));
      cluster.overwrite('a/t', []);
      cluster.overwrite('a/t', [theirs]);
      await rest();
      const service = () => shownBy(cluster.service('a/t') ?? assert.fail('no Service')).join();
      assert.equal(service(), theirs, `${desc}: not before that program was quiet`);
      cluster.wait(quietMs);
      await rest();
      assert.equal(service(), instead, desc);
      assert.deepEqual(cluster.facts.entries.length, 1, desc);
    });
  }
});
