/** The effects of changes: plans of pools, of advertisements and of new addresses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Checked } from '../../../src/cli/commands/manifests.ts';
import { planFacts } from '../../../src/cli/commands/plan-facts.ts';
import { entriesFor, planRenumbering } from '../../../src/cli/commands/renumber-plan.ts';
import { advertisement, entry, pool, service } from '../fixtures.ts';
import { showing } from '../ipam/plans.ts';
import { evaluated } from './evaluations.ts';

const s = service('s', showing('192.0.2.10'));
const waiting = service('w', { created: '2026-02-01T00:00:00Z' });
const p = pool('p', ['192.0.2.10'], { created: '2025-01-01T00:00:00Z' });
const recorded = { node: 'n1', term: 1, since: '2026-01-01T00:00:00Z' };
const at = evaluated({ pools: [p], services: [s, waiting], ledger: [entry('192.0.2.10', s, { recorded })] });

const poolChange = (view: ReturnType<typeof pool>): Checked => ({
  ...{ kind: 'IPAddressPool', name: view.name, change: view.name === 'p' ? 'Changed' : 'Created' },
  view,
});

test('a plan reports the effect on each Service, and the faults of an object', () => {
  const advertised = (facts: object): Checked => {
    const view = advertisement(facts);
    return { kind: 'L2Advertisement', name: view.name, change: 'Changed', view };
  };
  const rows: readonly [string, readonly Checked[], readonly string[], number][] = [
    ['nothing', [], ['s Keeps', 'w Keeps'], 0],
    ['more addresses', [poolChange(pool('p', ['192.0.2.10-192.0.2.11']))], ['s Keeps', 'w Gains'], 0],
    ['another pool', [poolChange(pool('q', ['192.0.2.20']))], ['s Keeps', 'w Gains'], 0],
    ['other addresses', [poolChange(pool('p', ['192.0.2.20']))], ['s PoolRemoved', 'w Gains'], 1],
    [
      'an overlap',
      [poolChange(pool('q', ['192.0.2.10-192.0.2.11'], { created: '2026-03-01T00:00:00Z' }))],
      ['s Keeps', 'w Gains'],
      1,
    ],
    ['a wrong link', [advertised({ interfaces: ['eth7'] })], ['s Silenced', 'w Keeps'], 1],
    ['only other pools', [advertised({ pools: ['gone'] })], ['s Silenced', 'w Keeps'], 2],
    ['other nodes', [advertised({ nodeSelectors: [{ matchLabels: { a: 'b' } }] })], ['s Silenced', 'w Keeps'], 1],
  ];
  for (const [desc, checked, expected, harm] of rows) {
    const facts = planFacts(at, checked, []);
    assert.deepEqual(
      facts.services.map(({ service: key, effect }) => `${key.split('/')[1]} ${effect}`),
      expected,
      desc,
    );
    assert.equal(facts.harm, harm, desc);
  }
  const gone = planFacts(at, [], [{ kind: 'IPAddressPool', name: 'p' }]);
  assert.deepEqual(
    gone.services.map(({ effect }) => effect),
    ['PoolRemoved', 'Keeps'],
  );
  const silent = planFacts(at, [], [{ kind: 'L2Advertisement', name: 'a' }]);
  assert.deepEqual(
    silent.services.map(({ effect }) => effect),
    ['Silenced', 'Keeps'],
  );
});

test('a plan of new addresses names the new address of each Service, or why it keeps its own', () => {
  const q = pool('q', ['198.51.100.1']);
  const draining = { ...p, state: 'Draining' } as const;
  const planned = (pools: readonly (typeof p)[], of = s) => {
    const { cluster } = evaluated({ pools, services: [of], ledger: [entry('192.0.2.10', of)] });
    const entries = entriesFor(cluster, { service: 'default/s', pool: undefined });
    return planRenumbering(cluster, entries).map(({ from, to, why }) => `${from} ${to ?? why}`);
  };
  assert.deepEqual(planned([draining, q]), ['192.0.2.10 198.51.100.1']);
  assert.deepEqual(planned([q]), ['192.0.2.10 198.51.100.1']);
  assert.match(planned([p, q])[0] ?? '', /pool p is Active/);
  assert.match(planned([draining])[0] ?? '', /PoolNotActive/);
  assert.match(
    planned([draining, q], service('s', { ...showing('192.0.2.10'), requests: ['192.0.2.10'] }))[0] ?? '',
    /asks for this address/,
  );
  const { cluster } = at;
  assert.equal(entriesFor(cluster, { service: undefined, pool: 'p' }).length, 1);
  assert.throws(() => entriesFor(cluster, { service: 'default/w', pool: undefined }), /has no address/);
});
