/** The writes of one tenant must not affect another one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { settle } from '../../../src/ipam/allocate.ts';
import { entriesOf, isReserved, refsOf } from '../../oracle/ledger.ts';
import { shownBy } from '../../oracle/wishes.ts';
import { entry, pool, service } from '../fixtures.ts';
import { lived } from './histories/live.ts';
import { written } from './histories/random.ts';
import { showing, snapshotOf } from './plans.ts';

test('a pool with a time that is longer than any clock can show does not stop other Services', async () => {
  await lived({}, async (life) => {
    // The CRD forbids such a time, where its rule is in effect.
    life.cluster.setPool('bad', { addresses: ['192.0.2.1'], retainFor: '2400000000h', autoAssign: false });
    life.cluster.setPool('good', { addresses: ['198.51.100.1'] });
    life.cluster.create('a/s', written({ requests: ['192.0.2.1'] }));
    await life.rest();
    life.cluster.delete('a/s');
    life.cluster.create('b/s', written({}));
    const why = await life.rest().then(
      () => 'no reason',
      (error: Error) => error.message,
    );
    const [other] = life.cluster.facts.services;
    assert.deepEqual(other && shownBy(other), ['198.51.100.1'], `the other Service waits: ${why}`);
  });
});

test('addresses that are kept back for a conflict count in the quota of the namespace that had them', async () => {
  await lived({}, async (life) => {
    life.cluster.setPool('p', { addresses: ['192.0.2.1-192.0.2.9'], quota: { perNamespace: 2 } });
    life.cluster.create('a/s', written({}));
    await life.rest();
    for (let i = 0; i < 3; i++) {
      const [svc] = life.cluster.facts.services;
      const [entry] = svc ? entriesOf(life.cluster.facts, svc) : [];
      const lastTransitionTime = new Date(life.cluster.now).toISOString();
      const conflict = {
        type: 'Conflict',
        status: 'True',
        reason: 'AddressTaken',
        message: 'a host',
        lastTransitionTime,
      };
      if (entry) life.cluster.report(entry.spec.address, { conditions: [conflict] });
      await life.rest();
    }
    const { entries } = life.cluster.facts;
    const isOfIt = ({ namespace }: { readonly namespace: string }) => namespace === 'a';
    const kept = entries.filter(
      (entry) =>
        refsOf(entry).some(isOfIt) ||
        (isReserved(entry) && entry.spec.quarantine && isOfIt(entry.spec.quarantine.service)),
    );
    assert.ok(kept.length <= 2, `namespace a keeps ${kept.length} addresses of a pool with a quota of 2`);
  });
});

test('a Service about which a decision throws is refused, and all others are served', () => {
  const others = [service('a'), service('z')];
  const keys = Object.keys(service('bad')) as readonly (keyof ServiceView)[];
  for (const key of keys.filter((one) => one !== 'uid')) {
    const ledger = [entry('10.0.0.9', service('bad'))];
    const bad = Object.defineProperty(service('bad', showing('10.0.0.9')), key, { get: () => assert.fail('no value') });
    const given = snapshotOf({ pools: [pool('p', ['10.0.0.0/16'])], services: [bad, ...others], ledger });
    const { decisions, releases, binds, errors } = settle(given).plan;
    const addresses = decisions.flatMap((decision) => (decision.kind === 'Assigned' ? decision.bindings : []));
    assert.ok(addresses.length >= 2, `${key}: ${addresses.length} of two Services are served`);
    if (!errors.has(bad)) continue;
    assert.deepEqual([releases, binds.has('10.0.0.9' as Ip)], [[], false], `${key}: the entry stays as it is`);
    const refusals = decisions.filter(({ kind }) => kind === 'Refused');
    for (const { reason } of refusals) assert.equal(reason, 'InternalError', key);
  }
});

test('an entry whose status breaks the schema affects no other Service', async () => {
  await lived({}, async ({ cluster, rest }) => {
    cluster.setPool('p', { addresses: ['192.0.2.1-192.0.2.9'] });
    cluster.create('a/s', written({}));
    await rest();
    const broken = [
      { conditions: [{ type: 'Announced', status: 'False', reason: 'Broken' }] },
      { conditions: [{ type: 'Conflict' }] },
      { conditions: [null] },
      { conditions: 'none' },
      { holder: 'n', conflict: 'n' },
    ];
    for (const [i, status] of broken.entries()) {
      cluster.report('192.0.2.1', status);
      cluster.create(`b/s${i}`, written({}));
      await rest().catch(() => undefined);
      const service = cluster.service(`b/s${i}`) ?? assert.fail('no Service');
      assert.equal(shownBy(service).length, 1, `the other Service waits: ${JSON.stringify(status)}`);
    }
  });
});
