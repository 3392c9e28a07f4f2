/** What the tool does not know, it does not count as good: silent speakers, unknown links, families without endpoints. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSliceView } from '../../../src/api/endpoints.ts';
import type { SpeakerStatus } from '../../../src/api/speaker-status.ts';
import { faultsOf } from '../../../src/cli/cluster/speakers.ts';
import { addressArgument } from '../../../src/cli/commands/address-argument.ts';
import { appliedPatch } from '../../../src/cli/commands/applied-patch.ts';
import type { Checked } from '../../../src/cli/commands/manifests.ts';
import { planFacts } from '../../../src/cli/commands/plan-facts.ts';
import { simulate } from '../../../src/cli/commands/simulate.ts';
import { whoHas } from '../../../src/cli/commands/who-has.ts';
import { explainFacts } from '../../../src/cli/explain/explain-facts.ts';
import { remedyOf } from '../../../src/cli/output/reason-text.ts';
import { advertisement, entry, pool, service } from '../fixtures.ts';
import { ip } from '../ipam/plans.ts';
import { evaluated, link, statusOf } from './evaluations.ts';

const show = (...addresses: readonly string[]) => ({
  ingress: addresses.map((one) => ({ ip: one, ipMode: 'VIP' })),
  families: addresses.map((one) => (one.includes(':') ? ('IPv6' as const) : ('IPv4' as const))),
});
const s = service('s', show('192.0.2.10'));
const p = pool('p', ['192.0.2.10-192.0.2.12']);
const recorded = { node: 'n1', term: 1, since: '2026-01-01T00:00:00Z', links: [{ name: 'eth0', mac: 'm' }] };
const held = entry('192.0.2.10', s, { recorded });
const slice = (...addresses: readonly string[]): EndpointSliceView => ({
  ...{ name: 's-1', uid: 'uid-slice', resourceVersion: '1', service: 'default/s' },
  endpoints: addresses.map((one) => ({ addresses: [ip(one)], node: 'n1', ready: true })),
});
const well = { pools: [p], services: [s], ledger: [held], endpointSlices: [slice('10.0.0.1')] };

test('a node whose speaker is silent is not counted as one that can take an address over', () => {
  const onlyHolder = evaluated(well, [statusOf('n1')]);
  const verdicts = explainFacts(onlyHolder, s).vips[0]?.nodes.map(({ node, reason }) => `${node} ${reason}`);
  assert.deepEqual(verdicts, ['n1 Holder', 'n2 LinksUnknown', 'n3 LinksUnknown']);
  const [move] = simulate(onlyHolder, ['n1']).moves;
  assert.deepEqual([move?.to, move?.perhaps], [undefined, ['n2', 'n3']]);
  const two = evaluated(well, [statusOf('n1'), statusOf('n2')]);
  const [known] = simulate(two, ['n1']).moves;
  assert.deepEqual([known?.to, known?.perhaps], ['n2', ['n3']]);
  const { nodes, unknownNodes } = whoHas(two, ip('192.0.2.12'));
  assert.deepEqual([nodes, unknownNodes], [['n1', 'n2'], ['n3']]);
});

test('the host that has an address is named before a speaker has written its condition', () => {
  const vip = { uid: held.uid, address: held.address, action: 'Silent', links: [], damped: false } as const;
  const taken = { ...vip, reason: 'AddressTaken', conflict: { kind: 'Taken', mac: '02:00:00:00:00:09' } };
  const at = (...vips: SpeakerStatus['vips']) => evaluated(well, [statusOf('n1', { vips })]).vips[0];
  const host = 'another host, 02:00:00:00:00:09, answers for it: it is not announced';
  assert.deepEqual([at(taken)?.reason, at(taken)?.message], ['AddressTaken', host]);
  assert.equal(at(vip)?.message, 'no speaker has written anything about it yet');
});

test('speakers that are silent for the same reason are one line', () => {
  const names = [...'abcdefgh'];
  const answers = names.map((node) => ({ node, status: undefined, fault: node === 'h' ? 'refused' : 'no answer' }));
  assert.deepEqual(faultsOf([...answers, { node: 'i', status: statusOf('i'), fault: undefined }]), [
    'no answer from the speakers on a, b, c, d, e and 2 more: no answer',
    'no answer from the speaker on h: refused',
  ]);
});

/** The plan of a pool that is created, with its problems and the effects on Services. */
function planned(
  addresses: readonly string[],
  advertisements = [advertisement()],
  speakers?: readonly SpeakerStatus[],
) {
  const waiting = service('w', { requestedPools: ['new'] });
  const at = evaluated({ ...well, services: [s, waiting], advertisements }, speakers);
  const checked: Checked = { kind: 'IPAddressPool', name: 'new', change: 'Created', view: pool('new', addresses) };
  const { objects, services, harm } = planFacts(at, [checked], []);
  const problems = objects.flatMap((one) => one.problems).map((text) => text.replace(/:.*/, ''));
  return { problems, effect: services.find((one) => one.service === 'default/w')?.effect, harm };
}

test('a plan says which addresses no node could announce', () => {
  const near = ['192.0.2.60-192.0.2.69'];
  assert.deepEqual(planned(near), { problems: [], effect: 'Gains', harm: 0 });
  const far = planned(['203.0.113.1-203.0.113.9']);
  assert.deepEqual(far, { problems: ['NoLink'], effect: 'GainsSilent', harm: 2 });
  const partly = planned([...near, '203.0.113.1']);
  assert.deepEqual(partly, { problems: ['NoLink'], effect: 'Gains', harm: 1 });
  const unannounced = planned(near, [advertisement({ pools: ['p'] })]);
  assert.deepEqual(unannounced, { problems: ['NoAdvertisement'], effect: 'GainsSilent', harm: 2 });
  const routed = planned(['203.0.113.1'], [advertisement({ interfaces: ['eth0'] })]);
  assert.deepEqual(routed, { problems: [], effect: 'Gains', harm: 0 }, 'a link that is named exactly');
  const silent = planned(['203.0.113.1'], undefined, []);
  assert.deepEqual(silent, { problems: [], effect: 'Gains', harm: 0 }, 'no speaker answered');
});

test('a plan deletes only what is there', () => {
  const at = evaluated(well);
  assert.throws(() => planFacts(at, [], [{ kind: 'IPAddressPool', name: 'q' }]), /there is no IPAddressPool q/);
  assert.throws(() => planFacts(at, [], [{ kind: 'L2Advertisement', name: 'p' }]), /there is no L2Advertisement p/);
});

test('a plan changes an object as kubectl apply does', () => {
  const file = { spec: { addresses: ['192.0.2.1'], quota: { perNamespace: 2 } } };
  assert.deepEqual(appliedPatch({}, file), file, 'nothing is removed that the last apply did not set');
  const last = {
    spec: { addresses: ['192.0.2.9'], state: 'Draining', quota: { perNamespace: 1 }, serviceAllocation: {} },
  };
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(last) };
  assert.deepEqual(appliedPatch(annotations, file), {
    spec: { addresses: ['192.0.2.1'], quota: { perNamespace: 2 }, state: null, serviceAllocation: null },
  });
  for (const text of ['', '[]', 'null', '{'])
    assert.deepEqual(appliedPatch({ 'kubectl.kubernetes.io/last-applied-configuration': text }, file), file, text);
});

test('names such as constructor are names like others', () => {
  const last = { metadata: { labels: { constructor: 'a', kept: 'b' } } };
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(last) };
  const patch = appliedPatch(annotations, { metadata: { labels: { kept: 'b' } } });
  assert.equal(JSON.stringify(patch), '{"metadata":{"labels":{"constructor":null,"kept":"b"}}}');
  assert.equal(remedyOf('constructor'), remedyOf('Unknown'));
});

test('an address on a link of a node is not free', () => {
  const at = evaluated(well, [
    statusOf('n1', { links: [link('eth0', '192.0.2.250/24'), link('br0', '192.0.2.11/32')] }),
  ]);
  const { state, message } = whoHas(at, ip('192.0.2.11'));
  assert.deepEqual(
    [state, message],
    ['Foreign', 'an address of the link br0 of node n1: exclude it from the pool p, which would give it out'],
  );
  assert.equal(whoHas(at, ip('192.0.2.12')).state, 'Free');
  assert.equal(whoHas(at, ip('192.0.2.10')).state, 'InUse');
});

test('an address is accepted in every spelling in which people copy it', () => {
  const rows: readonly [string, string][] = [
    ['192.0.2.10', '192.0.2.10'],
    ['2001:DB8:0:0::A', '2001:db8::a'],
    [' [2001:db8::a] ', '2001:db8::a'],
    ['2001-0db8-0000-0000-0000-0000-0000-000a', '2001:db8::a'],
  ];
  for (const [typed, address] of rows) assert.equal(addressArgument(typed), address, typed);
  for (const typed of ['', 'web', '192.0.2', '192.0.2.10/32', '192-0-2-10'])
    assert.throws(() => addressArgument(typed), /is not an IP address/, typed);
});

test('explain names the family that has no ready endpoint', () => {
  const dual = service('s', { ...show('192.0.2.10', '2001:db8::10') });
  const ledger = [entry('192.0.2.10', dual, { recorded }), entry('2001:db8::10', dual, { recorded })];
  const announced = ledger.map((one) => ({
    ...one,
    conditions: [
      { type: 'Announced', status: 'True' as const, reason: 'Announced', message: one.address, lastTransitionTime: '' },
    ],
  }));
  const problems = (...slices: readonly EndpointSliceView[]) => {
    const pools = [p, pool('q', ['2001:db8::10'])];
    const at = evaluated({ pools, services: [dual], ledger: announced, endpointSlices: slices });
    return explainFacts(at, dual).problems.map(({ reason, what }) => `${reason}: ${what}`);
  };
  assert.deepEqual(problems(slice('10.0.0.1'), slice('fd00::1')), []);
  assert.deepEqual(problems(slice('10.0.0.1')), [
    'NoEndpoints: no endpoint of the family IPv6 is ready: nothing serves 2001:db8::10',
  ]);
  assert.deepEqual(problems(slice('fd00::1')), [
    'NoEndpoints: no endpoint of the family IPv4 is ready: nothing serves 192.0.2.10',
  ]);
  assert.deepEqual(problems(), ['NoEndpoints: no endpoint of the Service is ready']);
});
