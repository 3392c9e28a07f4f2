/** What the holder of a VIP concludes from the results of its verifiers, and which nodes verify. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { isRange, parseRange } from '../../../src/addr/range.ts';
import { Planner, type PlanView } from '../../../src/announce/verification-plan.ts';
import { VerificationResults, type VerifiedVip } from '../../../src/announce/verification-results.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import type { HolderAction, HolderDecision } from '../../../src/election/view.ts';
import { type ProbeOutcome, probeOutcomes } from '../../../src/liveness/messages.ts';
import { fc } from '../../property.ts';
import { entry, service } from '../fixtures.ts';

const vip: VerifiedVip = { uid: 'u', address: '192.0.2.200' as Ip, term: 2, verifier: 'n2' };

function news(
  outcome: ProbeOutcome,
  facts: { readonly term?: number; readonly detail?: string; readonly roundMs?: number } = {},
) {
  const { term = 2, detail = '80', roundMs = 30_000 } = facts;
  return { from: { node: 'n2', incarnation: '' }, roundMs, results: [{ uid: 'u', term, outcome, detail }] };
}

function heldSince0(facts: Partial<VerifiedVip> = {}): VerificationResults {
  const results = new VerificationResults();
  results.observe([{ ...vip, ...facts }], 0);
  return results;
}

function outcome(results: VerificationResults, now: number): string {
  const state = results.stateOf('u', now);
  return state === 'Pending' ? state : `${state.status} ${state.reason}`;
}

const statuses: Readonly<Record<ProbeOutcome, string>> = {
  ...{ Verified: 'True', NotAnswered: 'False', AnsweredByOther: 'False', NoDataPath: 'False' },
  ...{ NotProbed: 'Unknown', NoEndpoints: 'Unknown' },
};

for (const word of probeOutcomes) {
  test(`result ${word}: the condition is ${statuses[word]}, and the same in the next round`, () => {
    const results = heldSince0();
    assert.equal(results.take(news(word), 1_000), true);
    const first = results.stateOf('u', 1_000);
    assert.equal(outcome(results, 1_000), `${statuses[word]} ${word}`);
    assert.equal(results.take(news(word), 31_000), false);
    assert.deepEqual(results.stateOf('u', 31_000), first);
  });
}

test('the message of the condition Verified names the node and the fault', () => {
  const messageOf = (word: ProbeOutcome, detail: string) => {
    const results = heldSince0();
    results.take(news(word, { detail }), 0);
    const state = results.stateOf('u', 0);
    return state === 'Pending' ? '' : state.message;
  };
  assert.match(messageOf('NoDataPath', '80'), /^node n2 .*192\.0\.2\.200.* TCP port 80 did not$/);
  assert.match(messageOf('AnsweredByOther', '02:00:00:00:00:0f'), /02:00:00:00:00:0f/);
  assert.match(messageOf('NotProbed', 'SourceRanges'), /loadBalancerSourceRanges/);
  assert.match(messageOf('NotProbed', 'NoTcpPort'), /TCP port/);
});

test('only a result for the present term counts', () => {
  const results = heldSince0();
  assert.equal(results.take(news('NoDataPath', { term: 1 }), 0), false);
  assert.equal(outcome(results, 0), 'Pending');
  results.take(news('Verified'), 0);
  results.observe([{ ...vip, term: 3 }], 10);
  assert.equal(outcome(results, 10), 'Pending');
  results.observe([], 20);
  assert.equal(results.take(news('Verified', { term: 3 }), 20), false);
  assert.equal(outcome(results, 20), 'Pending');
});

test('a result expires after three minutes, or after three rounds of a node with very many VIPs', () => {
  const results = heldSince0();
  results.take(news('Verified'), 0);
  assert.equal(outcome(results, 179_999), 'True Verified');
  assert.equal(outcome(results, 180_000), 'Unknown VerifierSilent');
  results.take(news('Verified', { roundMs: 250_000 }), 200_000);
  assert.equal(outcome(results, 949_999), 'True Verified');
  assert.equal(outcome(results, 950_000), 'Unknown VerifierSilent');
});

test('a VIP without any result is VerifierSilent after three minutes', () => {
  const results = heldSince0();
  assert.equal(outcome(results, 179_999), 'Pending');
  assert.equal(outcome(results, 180_000), 'Unknown VerifierSilent');
});

test('a VIP without a verifier is NoSecondNode after ten seconds, time enough for a verifier to restart', () => {
  const results = heldSince0();
  results.take(news('Verified'), 0);
  results.observe([{ ...vip, verifier: undefined }], 1_000);
  assert.equal(outcome(results, 10_999), 'True Verified');
  assert.equal(outcome(results, 11_000), 'Unknown NoSecondNode');
  results.observe([vip], 20_000);
  assert.equal(outcome(results, 20_000), 'Pending');
  results.take(news('Verified'), 21_000);
  assert.equal(outcome(results, 21_000), 'True Verified');
});

const links = (n: number) => [
  { name: 'eth0', mac: `02:00:00:00:00:0${n}`, addresses: [`192.0.2.${n}/24`, `2001:db8::${n}/64`] },
];
const shown = (name: string, facts: Partial<ServiceView> = {}) =>
  service(name, { ingress: [{ ip: vip.address }], ...facts });

/** The plan of a node in a cluster of three. */
function planOf(self: string, { decision = {}, services = [shown('web')], ...facts }: Facts = {}) {
  const action: HolderAction = self === 'n1' ? { kind: 'Hold' } : { kind: 'Silent', reason: 'NotHolder' };
  const whole = { vip: { uid: 'u', address: vip.address }, holder: 'n1', term: 2, action, ...decision };
  const [first = service('none')] = services;
  const refs = services.map(({ name, namespace, uid }) => ({ name, namespace, uid }));
  const all = new Map(services.map((one) => [one.uid, one]));
  return new Planner().planOf({
    ...{ self, decisions: [whole as unknown as HolderDecision], living: ['n1', 'n2', 'n3'] },
    linksOf: (node) => links(Number(node.slice(1))),
    snapshot: {
      ledger: [{ ...entry(vip.address, first), uid: 'u', services: refs }],
      service: (uid) => all.get(uid),
      endpointNodes: new Map([['default/web IPv4', new Set(['n1'])]]),
    },
    ...facts,
  });
}

type Facts = Partial<PlanView> & {
  readonly decision?: Partial<HolderDecision>;
  readonly services?: readonly ServiceView[];
};

test('every VIP has one verifier, which is not its holder, and the holder knows it', () => {
  const address = fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `10.1.${a}.${b}` as Ip);
  const nodes = Array.from({ length: 6 }, (_, i) => `n${i + 1}`);
  const near = (node: string) => [
    { name: 'eth0', mac: `02:00:00:00:00:0${node.slice(1)}`, addresses: ['10.1.0.1/16'] },
  ];
  const work = new Map<string, number>();
  fc.assert(
    fc.property(address, fc.constantFrom(...nodes), (ip, holder) => {
      const decision = { vip: { uid: 'u', address: ip } as HolderDecision['vip'], holder };
      const plans = nodes.map((self) => {
        const action: HolderAction = self === holder ? { kind: 'Hold' } : { kind: 'Silent', reason: 'NotHolder' };
        return { self, ...planOf(self, { living: nodes, linksOf: near, decision: { ...decision, action } }) };
      });
      const verifiers = plans.filter(({ targets }) => targets.length > 0).map(({ self }) => self);
      const [held] = plans.flatMap(({ held: own }) => own);
      assert.equal(verifiers.length, 1);
      assert.equal(held?.verifier, verifiers[0]);
      assert.notEqual(verifiers[0], holder);
      work.set(verifiers[0] ?? '', (work.get(verifiers[0] ?? '') ?? 0) + 1);
    }),
    { numRuns: 300 },
  );
  assert.equal(work.size, nodes.length, 'a node verifies nothing');
});

/** The only target of the two nodes that may verify. */
function targetOf(facts: Facts = {}) {
  const targets = ['n2', 'n3'].flatMap((self) => planOf(self, facts).targets.map((target) => ({ self, ...target })));
  assert.ok(targets.length <= 1);
  return targets[0];
}

test("a verification target names the holder, its hardware addresses, and the verifier's own address in the subnet", () => {
  const { self, macs, holder, term, link, source, aim } = targetOf() ?? assert.fail('no target');
  assert.deepEqual([macs, holder, term, link], [['02:00:00:00:00:01'], 'n1', 2, 'eth0']);
  assert.equal(source, `192.0.2.${self.slice(1)}`);
  assert.deepEqual(aim, { kind: 'Port', port: 80 });
});

test('nodes without a link in the subnet and dead nodes verify nothing', () => {
  const far = (node: string) =>
    node === 'n2' ? links(2) : [{ name: 'eth0', mac: '02:00:00:00:00:09', addresses: ['10.0.0.1/8'] }];
  assert.equal(targetOf({ linksOf: far })?.self, 'n2');
  assert.equal(targetOf({ living: ['n1', 'n3'] })?.self, 'n3');
  assert.equal(targetOf({ linksOf: () => undefined }), undefined);
  const odd = ['', '192.0.2.2', '192.0.2.2/', '192.0.2.2/x', '192.0.2.2/999', 'x/24', '192.0.2.2/-1'];
  assert.equal(targetOf({ linksOf: () => [{ name: 'eth0', mac: 'x', addresses: odd }] }), undefined);
  assert.deepEqual(planOf('n1', { living: ['n1'] }).held, [{ ...vip, verifier: undefined }]);
  assert.equal(targetOf({ living: ['n2', 'n3'] }), undefined, 'a dead holder');
  assert.equal(targetOf({ decision: { action: { kind: 'Silent', reason: 'AwaitingClaim' } } }), undefined);
});

const ranges = (...texts: readonly string[]) => texts.map(parseRange).filter(isRange);
const udp = { protocol: 'UDP', port: 53 };
const tcp = { protocol: 'TCP', port: 8080 };
const nothing = (outcome: string, detail = '') => ({ kind: 'Nothing', outcome, detail });
const aims = [
  { desc: 'the first TCP port', services: [shown('web', { ports: [udp, tcp] })], aim: { kind: 'Port', port: 8080 } },
  { desc: 'UDP alone', services: [shown('web', { ports: [udp] })], aim: nothing('NotProbed', 'NoTcpPort') },
  {
    desc: 'SCTP alone',
    services: [shown('web', { ports: [{ ...udp, protocol: 'SCTP' }] })],
    aim: nothing('NotProbed', 'NoTcpPort'),
  },
  { desc: 'a Service without endpoints', services: [shown('none')], aim: nothing('NoEndpoints') },
  {
    desc: 'Local, with an endpoint at the holder',
    services: [shown('web', { local: true })],
    aim: { kind: 'Port', port: 80 },
  },
  { desc: 'another Service at the address', services: [shown('none'), shown('web')], aim: { kind: 'Port', port: 80 } },
  { desc: 'a Service without the address', services: [service('web')], aim: nothing('NotProbed', 'NoTcpPort') },
  {
    desc: 'source ranges that include the verifier',
    services: [shown('web', { sourceRanges: ranges('10.0.0.0/8', '192.0.2.0/24') })],
    aim: { kind: 'Port', port: 80 },
  },
  {
    desc: 'source ranges of the other family',
    services: [shown('web', { sourceRanges: ranges('2001:db8:1::/48') })],
    aim: { kind: 'Port', port: 80 },
  },
  {
    desc: 'source ranges that exclude the verifier',
    services: [shown('web', { sourceRanges: ranges('10.0.0.0/8') })],
    aim: nothing('NotProbed', 'SourceRanges'),
  },
] as const;

for (const { desc, services, aim } of aims) {
  test(`verification tries: ${desc}`, () => assert.deepEqual(targetOf({ services })?.aim, aim));
}

test('verification tries nothing where the policy is Local and the holder has no endpoint', () => {
  const services = [shown('web', { local: true })];
  const snapshot = {
    ledger: [{ ...entry(vip.address, services[0] ?? assert.fail()), uid: 'u' }],
    service: () => services[0],
    endpointNodes: new Map([['default/web IPv4', new Set(['n2'])]]),
  };
  assert.deepEqual(targetOf({ services, snapshot })?.aim, nothing('NoEndpoints'));
});
