/** The status of a Service that follows from a decision. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AllocationView } from '../../../src/api/allocation.ts';
import type { HandOff } from '../../../src/api/hand-off.ts';
import type { Condition } from '../../../src/api/meta.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import type { Snapshot } from '../../../src/ipam/allocate.ts';
import {
  type DesiredStatus,
  desiredStatus,
  hasChanged,
  isMirrorOnly,
  noStatus,
  type StatusContext,
  sameStatus,
} from '../../../src/ipam/status.ts';
import { StatusConflicts } from '../../../src/ipam/status-conflicts.ts';
import { entry, ownership, pool, service, writer } from '../fixtures.ts';
import { decisionOf, plan, showing, shownByOther } from './plans.ts';

const now = Date.parse('2026-02-02T00:00:00Z');
const pools = [pool('p', ['192.0.2.1', '2001:db8::1'])];

/** The status that follows from the plan of a snapshot. */
function statusOf(
  svc: ServiceView,
  facts: Partial<Snapshot> &
    Partial<Pick<StatusContext, 'handOff' | 'crowded'>> & { readonly advertised?: boolean } = {},
): DesiredStatus {
  const entries = new Map(facts.ledger?.map((one) => [one.address, one]));
  const { advertised = true, handOff = 'KubeProxy', crowded = new Set<string>(), ...snapshot } = facts;
  const decision = decisionOf(plan({ pools, services: [svc], ...snapshot }), svc.name);
  return desiredStatus(decision, {
    ownership,
    advertised: () => advertised,
    entryOf: (address) => entries.get(address),
    conflicts: new StatusConflicts(),
    handOff,
    crowded,
    now,
  });
}

function texts({ conditions }: DesiredStatus): readonly string[] {
  return conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
}

test('a Service with an address shows it, and its condition names the pool', () => {
  const { ingress, conditions, force, retryInMs } = statusOf(service('s'));
  assert.deepEqual(ingress, [{ ip: '192.0.2.1', ipMode: 'VIP' }]);
  assert.deepEqual([force, retryInMs], [false, undefined]);
  assert.deepEqual(
    conditions.map(({ type, status, reason, message }) => [type, status, reason, message]),
    [['berth.dev/Allocated', 'True', 'Allocated', '192.0.2.1 from pool p']],
  );
});

test('ipMode follows the hand-off; a condition reports a hand-off that differs from the requested one', () => {
  const shown = (facts: Partial<ServiceView>, handOff: HandOff = 'KubeProxy') => {
    const { ingress, conditions } = statusOf(service('s', facts), { handOff });
    const told = conditions.filter(({ type }) => type === 'berth.dev/HandOff');
    return [ingress?.[0]?.ipMode, ...told.map(({ status, reason }) => `${status} ${reason}`)];
  };
  const sctp = { ports: [{ protocol: 'SCTP', port: 5000 }] };
  assert.deepEqual(shown({}), ['VIP']);
  assert.deepEqual(shown({ handOff: 'NodePort' }), ['Proxy']);
  assert.deepEqual(shown({}, 'NodePort'), ['Proxy']);
  assert.deepEqual(shown({ handOff: 'KubeProxy' }, 'NodePort'), ['VIP']);
  assert.deepEqual(shown({ nodePorts: [0] }, 'NodePort'), ['VIP', 'False NoNodePorts']);
  assert.deepEqual(shown({ handOff: 'NodePort', ...sctp }), ['VIP', 'False UnsupportedProtocol']);
  assert.deepEqual(shown({ handOff: 'x' }, 'NodePort'), ['Proxy', 'False UnknownHandOff']);
});

test('a Service whose namespace has too many source ranges is left to kube-proxy', () => {
  const svc = service('s', { handOff: 'NodePort' });
  const { ingress, conditions } = statusOf(svc, { crowded: new Set([svc.uid]) });
  assert.deepEqual(ingress, [{ ip: '192.0.2.1', ipMode: 'VIP' }]);
  assert.ok(conditions.some(({ reason }) => reason === 'TooManySourceRanges'));
});

test('a status with another ipMode is written again', () => {
  const svc = service('s', { ...showing('192.0.2.1'), conditions: statusOf(service('s')).conditions });
  const ledger = [entry('192.0.2.1', svc)];
  assert.equal(sameStatus(svc, statusOf(svc, { ledger }), ownership), true);
  assert.equal(sameStatus(svc, statusOf(svc, { ledger, handOff: 'NodePort' }), ownership), false);
});

test('both families are shown in the order of the Service', () => {
  const { ingress } = statusOf(service('s', { families: ['IPv6', 'IPv4'] }));
  assert.deepEqual(
    ingress?.map(({ ip }) => ip),
    ['2001:db8::1', '192.0.2.1'],
  );
});

test('each outcome has its condition', () => {
  const has = [entry('192.0.2.1', service('s'))];
  const allocated = (text: string) => [`berth.dev/Allocated ${text}`];
  const rows: readonly [string, ServiceView, Partial<Snapshot>, readonly string[]][] = [
    ['refused', service('s'), { pools: [] }, allocated('False NoPool')],
    ['keeps an address of no pool', service('s'), { pools: [], ledger: has }, allocated('True PoolRemoved')],
    ['request unfulfilled', service('s', { requests: ['x'] }), { ledger: has }, allocated('True InvalidRequest')],
    [
      'one of two families',
      service('s', { families: ['IPv4', 'IPv6'] }),
      { pools: [pool('p', ['192.0.2.1'])] },
      allocated('True PartiallyAllocated'),
    ],
    ['left to another program', service('s', shownByOther('192.0.2.9')), {}, allocated('False StatusContested')],
  ];
  for (const [desc, svc, facts, expected] of rows) assert.deepEqual(texts(statusOf(svc, facts)), expected, desc);
});

test('the status of an address that no L2Advertisement covers reports that no node answers for it', () => {
  const expected = ['berth.dev/Allocated True Allocated', 'berth.dev/Announced False NoAdvertisement'];
  assert.deepEqual(texts(statusOf(service('s'), { advertised: false })), expected);
  assert.deepEqual(texts(statusOf(service('s'), { advertised: false, pools: [] })), [
    'berth.dev/Allocated False NoPool',
  ]);
});

test('a refused Service loses an address from Berth unless a person must decide, and keeps one from another program', () => {
  const rows: readonly [string, ServiceView, Partial<Snapshot>, readonly string[] | undefined][] = [
    ['nothing', service('s'), { pools: [] }, undefined],
    ['ours, no longer its own', service('s', { requests: ['x'], ...showing() }), {}, undefined],
    [
      'ours, of another Service',
      service('s', showing('192.0.2.1')),
      { ledger: [entry('192.0.2.1', service('x'))] },
      ['192.0.2.1'],
    ],
    ['of another program', service('s', shownByOther('192.0.2.1')), {}, undefined],
  ];
  for (const [desc, svc, facts, expected] of rows) {
    const { ingress, force } = statusOf(svc, facts);
    assert.deepEqual([ingress?.map(({ ip }) => ip), force], [expected, false], desc);
  }
});

test('the time of a condition is that of its last change of status', () => {
  const old = '2025-01-01T00:00:00Z';
  const carried = { type: 'berth.dev/Allocated', reason: 'X', message: 'y', lastTransitionTime: old };
  const timeOf = (status: Condition['status']) =>
    statusOf(service('s', { conditions: [{ ...carried, status }] })).conditions[0]?.lastTransitionTime;
  assert.equal(timeOf('True'), old);
  assert.equal(timeOf('False'), '2026-02-02T00:00:00.000Z');
});

test('a status that is correct already is not written again', () => {
  const desired = statusOf(service('s'));
  const written = { ...showing('192.0.2.1'), conditions: desired.conditions };
  const isSame = (facts: Partial<ServiceView>, of = desired) => sameStatus(service('s', facts), of, ownership);
  assert.equal(isSame(written), true);
  assert.equal(isSame({ ...written, ingress: [{ ip: '192.0.2.1' }] }), true, 'ipMode has a default');
  assert.equal(isSame({}), false);
  assert.equal(isSame({ ...written, conditions: [] }), false);
  const { conditions } = desired;
  const refused = { ...noStatus, conditions };
  assert.equal(isSame(written, refused), false, "Berth's address is removed");
  assert.equal(isSame({ ...written, ...shownByOther('192.0.2.1') }, refused), true, "another program's address stays");
  assert.equal(isSame({ conditions: [] }, noStatus), true);
  assert.equal(isSame({ conditions }, noStatus), false, "Berth's conditions are removed");
});

test('two plans in a row write a status once', () => {
  const first = statusOf(service('s'), { advertised: false });
  const written = service('s', { ...showing('192.0.2.1'), conditions: first.conditions });
  const ledger = [entry('192.0.2.1', written)];
  assert.equal(sameStatus(written, statusOf(written, { ledger, advertised: false }), ownership), true);
});

test('an Event is sent on change only', () => {
  const [condition = assert.fail()] = statusOf(service('s')).conditions;
  assert.equal(hasChanged(undefined, condition), true);
  assert.equal(hasChanged({ ...condition, lastTransitionTime: 'x' }, condition), false);
  assert.equal(hasChanged({ ...condition, message: 'x' }, condition), true);
  assert.equal(hasChanged({ ...condition, status: 'False' }, condition), true);
});

test('a status that another program has just written waits; one that it left alone is replaced by force', () => {
  const ledger = [entry('192.0.2.1', service('s'))];
  const since = (ms: number) =>
    statusOf(service('s', { ...shownByOther('203.0.113.1'), ingressWriters: [writer('other', now - ms)] }), { ledger });
  const { ingress, force, retryInMs, conditions } = since(20_000);
  assert.deepEqual([ingress, force, retryInMs], [undefined, false, 40_000]);
  assert.equal(conditions[0]?.status, 'True');
  assert.equal(conditions[0]?.reason, 'StatusContested');
  assert.match(conditions[0]?.message ?? '', /written by other;.*; the Service keeps 192\.0\.2\.1$/);
  const quiet = since(60_000);
  assert.deepEqual([quiet.ingress?.[0]?.ip, quiet.force, quiet.retryInMs], ['192.0.2.1', true, undefined]);
  assert.equal(quiet.conditions[0]?.reason, 'Allocated');
});

test('the Service gets the announcement condition of its addresses; of two, that of the one that is not announced', () => {
  const dual = service('d', { families: ['IPv4', 'IPv6'], ...showing('192.0.2.1', '2001:db8::1') });
  const said = (status: 'True' | 'False', reason: string, message: string) => ({
    conditions: [{ type: 'Announced', status, reason, message, lastTransitionTime: '' }],
  });
  const announced = (...ledger: readonly AllocationView[]) =>
    statusOf(dual, { ledger })
      .conditions.filter(({ type }) => type === 'berth.dev/Announced')
      .map(({ status, reason, message }) => `${status} ${reason}: ${message}`);
  const v4 = entry('192.0.2.1', dual, said('True', 'Announced', 'v4 at n1'));
  const v6 = entry('2001:db8::1', dual, said('True', 'Announced', 'v6 at n2'));
  const taken = entry('2001:db8::1', dual, said('False', 'AddressTaken', 'another host'));
  const damped = entry('2001:db8::1', dual, said('True', 'MoveDamped', 'stays'));
  assert.deepEqual(announced(v4, v6), ['True Announced: v4 at n1; v6 at n2']);
  assert.deepEqual(announced(v4, taken), ['False AddressTaken: another host']);
  assert.deepEqual(announced(v4, damped), ['True MoveDamped: v4 at n1; stays']);
  assert.deepEqual(announced(v4, entry('2001:db8::1', dual)), [], 'no speaker has written anything yet');
});

test('only the condition Announced is less urgent than an address', () => {
  const svc = service('s', showing('192.0.2.1'));
  const first = statusOf(svc);
  const written = { ...svc, conditions: first.conditions };
  const conditions = [{ type: 'Announced', status: 'True', reason: 'Announced', message: '', lastTransitionTime: '' }];
  const mirrored = statusOf(written, { ledger: [{ ...entry('192.0.2.1', svc), conditions: conditions as never }] });
  assert.equal(sameStatus(written, mirrored, ownership), false);
  assert.equal(isMirrorOnly(written, mirrored), true);
  assert.equal(isMirrorOnly(svc, mirrored), false);
  assert.equal(isMirrorOnly(service('s'), mirrored), false);
});
