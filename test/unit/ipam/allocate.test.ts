/** Which address each Service gets, and why not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AllocationView } from '../../../src/api/allocation.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { type Plan, planAllocations, type Snapshot } from '../../../src/ipam/allocate.ts';
import { entry, pool, service } from '../fixtures.ts';

const ownership = { classes: ['berth.dev/berth'], withoutClass: true, writer: 'berth-controller' };
const p = pool('p', ['192.0.2.1-192.0.2.3']);

function plan(facts: Partial<Snapshot>): Plan {
  return planAllocations({ pools: [p], services: [], ledger: [], ownership, ...facts });
}

/** `name address` or `name reason`, in the order of the decisions. */
function outcomes({ decisions }: Plan): readonly string[] {
  return decisions.map(
    (decision) => `${decision.service.name} ${decision.kind === 'Assigned' ? decision.address : decision.reason}`,
  );
}

test('each Service gets the lowest free address, the oldest first', () => {
  const services = [service('b'), service('a'), service('old', { created: '2025-01-01T00:00:00Z' })];
  const ledger = [entry('192.0.2.2', service('x'))];
  assert.deepEqual(outcomes(plan({ services, ledger })), ['old 192.0.2.1', 'a 192.0.2.3', 'b PoolExhausted']);
});

test('each outcome has one reason', () => {
  const taken = [entry('192.0.2.1', service('holder'))];
  const holder = service('holder');
  const full = pool('full', ['192.0.2.1']);
  const byHand = pool('hand', ['192.0.2.1'], { autoAssign: false });
  const rows: readonly { desc: string; svc: ServiceView; facts?: Partial<Snapshot>; expected: string }[] = [
    { desc: 'no pool at all', svc: service('s'), facts: { pools: [] }, expected: 'NoPool' },
    { desc: 'no pool that gives by itself', svc: service('s'), facts: { pools: [byHand] }, expected: 'NoPool' },
    {
      desc: 'full pool',
      svc: service('s'),
      facts: { pools: [full], ledger: taken, services: [holder] },
      expected: 'PoolExhausted',
    },
    { desc: 'asks for a free one', svc: service('s', { requests: ['192.0.2.3'] }), expected: '192.0.2.3' },
    {
      desc: 'asks for one of a pool that gives only when asked',
      svc: service('s', { requests: ['192.0.2.1'] }),
      facts: { pools: [byHand] },
      expected: '192.0.2.1',
    },
    {
      desc: 'asks outside every pool',
      svc: service('s', { requests: ['198.51.100.1'] }),
      expected: 'AddressNotInPool',
    },
    {
      desc: 'asks for one in use',
      svc: service('s', { requests: ['192.0.2.1'] }),
      facts: { ledger: taken, services: [holder] },
      expected: 'AddressInUse',
    },
    { desc: 'asks for two', svc: service('s', { requests: ['192.0.2.1', '192.0.2.2'] }), expected: 'InvalidRequest' },
    { desc: 'asks for no address', svc: service('s', { requests: ['any'] }), expected: 'InvalidRequest' },
    { desc: 'asks for IPv6', svc: service('s', { requests: ['2001:db8::1'] }), expected: 'FamilyNotServed' },
    { desc: 'IPv6 only', svc: service('s', { families: ['IPv6'] }), expected: 'FamilyNotServed' },
    {
      desc: 'wants both families',
      svc: service('s', { families: ['IPv4', 'IPv6'], familyPolicy: 'RequireDualStack' }),
      expected: 'FamilyNotServed',
    },
    {
      desc: 'prefers both families',
      svc: service('s', { families: ['IPv6', 'IPv4'], familyPolicy: 'PreferDualStack' }),
      expected: '192.0.2.1',
    },
    {
      desc: 'status of another program',
      svc: service('s', { ingress: [{ ip: '192.0.2.1' }], ingressWriters: ['metallb'] }),
      expected: 'StatusContested',
    },
    {
      desc: 'our status, entry lost',
      svc: service('s', { ingress: [{ ip: '192.0.2.3' }], ingressWriters: ['berth-controller'] }),
      expected: '192.0.2.3',
    },
    {
      desc: 'our status, entry lost, pool gone',
      svc: service('s', { ingress: [{ ip: '198.51.100.1' }], ingressWriters: ['berth-controller'] }),
      expected: '192.0.2.1',
    },
  ];
  for (const { desc, svc, facts = {}, expected } of rows) {
    const result = outcomes(plan({ ...facts, services: [...(facts.services ?? []), svc] }));
    assert.ok(result.includes(`s ${expected}`), `${desc}: ${result.join(', ')}`);
  }
});

test('a Service keeps its address, whatever happens to pools', () => {
  const svc = service('s');
  const ledger = [entry('192.0.2.2', svc)];
  for (const pools of [[p], [], [pool('other', ['198.51.100.0/24'])]]) {
    const { decisions, releases } = plan({ pools, services: [svc], ledger });
    assert.deepEqual(
      decisions.map((d) => d.kind === 'Assigned' && [d.address, d.create]),
      [['192.0.2.2', false]],
    );
    assert.deepEqual(releases, []);
  }
});

test('a Service that asks for another address moves when it can be had, and keeps its own when not', () => {
  const svc = service('s', { requests: ['192.0.2.3'] });
  const ledger = [entry('192.0.2.2', svc)];
  const moved = plan({ services: [svc], ledger });
  assert.deepEqual(outcomes(moved), ['s 192.0.2.3']);
  assert.deepEqual(moved.releases, ledger);

  const other = service('other');
  const kept = plan({ services: [svc, other], ledger: [...ledger, entry('192.0.2.3', other)] });
  assert.deepEqual(outcomes(kept), ['other 192.0.2.3', 's 192.0.2.2']);
  assert.equal(kept.decisions[1]?.reason, 'AddressInUse');
  assert.deepEqual(kept.releases, []);
});

test('two entries after a crash between the writes of a move: the requested one stays', () => {
  const svc = service('s', {
    requests: ['192.0.2.3'],
    ingress: [{ ip: '192.0.2.1' }],
    ingressWriters: ['berth-controller'],
  });
  const ledger = [entry('192.0.2.1', svc), entry('192.0.2.3', svc)];
  const result = plan({ services: [svc], ledger });
  assert.deepEqual(outcomes(result), ['s 192.0.2.3']);
  assert.deepEqual(result.releases, ledger.slice(0, 1));
});

test('entries of Services that are gone, re-created or not ours any more are released', () => {
  const gone = service('gone');
  const recreated = service('again', { uid: 'new' });
  const typed = service('typed', {
    isLoadBalancer: false,
    conditions: [{ type: 'berth.dev/Allocated', status: 'True', reason: '', message: '', lastTransitionTime: '' }],
  });
  const ledger = [entry('192.0.2.1', gone), entry('192.0.2.2', service('again')), entry('192.0.2.3', typed)];
  const result = plan({ services: [recreated, typed], ledger });
  assert.deepEqual(result.releases, ledger);
  assert.deepEqual(result.strays, [typed]);
});

test('E3 a Service that has an entry is ours, whatever became of its class rule', () => {
  const svc = service('s');
  const result = plan({
    services: [svc],
    ledger: [entry('192.0.2.2', svc)],
    ownership: { ...ownership, withoutClass: false },
  });
  assert.deepEqual(outcomes(result), ['s 192.0.2.2']);
  assert.deepEqual([result.releases, result.strays], [[], []]);
});

test('only Services of our classes are decided', () => {
  const services = [service('none'), service('ours', { class: 'berth.dev/berth' }), service('other', { class: 'x/y' })];
  assert.deepEqual(outcomes(plan({ services })), ['none 192.0.2.1', 'ours 192.0.2.2']);
  const strict = { ...ownership, withoutClass: false };
  assert.deepEqual(outcomes(plan({ services, ownership: strict })), ['ours 192.0.2.1']);
});

/** Services and a ledger that may bind some of them, and some that are gone. */
const world = fc
  .uniqueArray(fc.nat({ max: 30 }), { maxLength: 20 })
  .chain((ids) =>
    fc.record({
      services: fc.constant(
        ids.map((id) =>
          service(`s${id}`, {
            created: `2026-01-0${1 + (id % 3)}T00:00:00Z`,
            requests: id % 5 === 0 ? [`192.0.2.${id}`] : [],
          }),
        ),
      ),
      bound: fc.uniqueArray(fc.tuple(fc.nat({ max: 12 }), fc.nat({ max: 30 })), {
        maxLength: 10,
        selector: ([address]) => address,
      }),
    }),
  )
  .map(({ services, bound }) => ({
    services,
    ledger: bound.map(([address, id]) => entry(`192.0.2.${address}`, service(`s${id}`))),
  }));
const pools = [pool('a', ['192.0.2.2-192.0.2.5']), pool('b', ['192.0.2.0/29', '192.0.2.12'])];

test('the same snapshot in any order gives the same plan', () => {
  fc.assert(
    fc.property(world, fc.func(fc.integer()), ({ services, ledger }, key) => {
      const shuffle = <T extends { uid: string }>(items: readonly T[]) =>
        [...items].sort((x, y) => key(x.uid) - key(y.uid));
      const a = plan({ pools, services, ledger });
      const b = plan({ pools: [...pools].reverse(), services: shuffle(services), ledger: shuffle(ledger) });
      assert.deepEqual(outcomes(a), outcomes(b));
      const names = (releases: readonly AllocationView[]) => releases.map(({ name }) => name).sort();
      assert.deepEqual(names(a.releases), names(b.releases));
    }),
  );
});

test('no address is given twice, none outside the pools, none that the ledger has for another', () => {
  fc.assert(
    fc.property(world, ({ services, ledger }) => {
      const { decisions } = plan({ pools, services, ledger });
      const assigned = decisions.filter((decision) => decision.kind === 'Assigned');
      assert.equal(new Set(assigned.map(({ address }) => address)).size, assigned.length);
      for (const { address, create, service: svc } of assigned) {
        const owner = ledger.find((item) => item.address === address);
        if (create) assert.equal(owner, undefined);
        else assert.equal(owner?.services[0]?.uid, svc.uid);
        if (create) assert.ok(/^192\.0\.2\.([0-7]|12)$/.test(address), address);
      }
    }),
  );
});

/** The ledger after a plan was carried out. */
function carriedOut(ledger: readonly AllocationView[], { decisions, releases }: Plan): readonly AllocationView[] {
  const created = decisions.flatMap((decision) =>
    decision.kind === 'Assigned' && decision.create ? [entry(decision.address, decision.service, decision.pool)] : [],
  );
  return [...ledger.filter((item) => !releases.includes(item)), ...created];
}

test('carrying out plans ends, and what is served without asking for an address never moves', () => {
  fc.assert(
    fc.property(world, ({ services, ledger }) => {
      let current: readonly AllocationView[] = ledger;
      let last = plan({ pools, services, ledger });
      // An address that one plan releases may serve a Service that asks for it in the next one, which may release another.
      for (let round = 0; round < services.length + 2; round++) {
        current = carriedOut(current, last);
        const next = plan({ pools, services, ledger: current });
        for (const decision of last.decisions) {
          if (decision.kind === 'Refused' || decision.service.requests.length > 0) continue;
          assert.ok(outcomes(next).includes(`${decision.service.name} ${decision.address}`));
        }
        last = next;
      }
      assert.deepEqual(last.releases, []);
      assert.ok(last.decisions.every((decision) => decision.kind === 'Refused' || !decision.create));
    }),
  );
});
