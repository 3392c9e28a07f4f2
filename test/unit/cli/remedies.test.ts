/** The tool's advice solves the problem, and its verdicts on nodes are true for those that could serve. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DesiredVipSnapshot, desiredVipsOf } from '../../../src/announce/desired-vips.ts';
import type { Facts } from '../../../src/cli/doctor/facts.ts';
import { objectChecks } from '../../../src/cli/doctor/object-checks.ts';
import { explainFacts } from '../../../src/cli/explain/explain-facts.ts';
import { advertisement, entry, node, ownership, pool, service, writer } from '../fixtures.ts';
import { decisionOf, ip, plan, showing } from '../ipam/plans.ts';
import { evaluated } from './evaluations.ts';

const pools = [pool('p', ['192.0.2.10-192.0.2.19'])];
const nodes = ['192.0.2.101', '192.0.2.102'].map((address, i) => node(`n${i + 1}`, { addresses: [ip(address)] }));

/** Follows the doctor's advice for a Service that shows another program's address. Returns the outcome. */
function afterAdvice(addresses: readonly string[], manager: string): string {
  const shown = { ingress: addresses.map((one) => ({ ip: one, ipMode: 'VIP' })), ingressWriters: [writer(manager)] };
  const leftover = service('web', shown);
  const check = objectChecks.find(({ id }) => id === 'StatusOfOthers') ?? assert.fail('no such check');
  const facts = { services: [leftover], ownership, ledger: [], nodes } as unknown as Facts;
  const [found] = check.judge(facts);
  assert.equal(found?.severity, 'warn');
  const todo = found.todo ?? '';
  const isCleared = /status/.test(todo) && /null|clear/.test(todo);
  const advised = isCleared ? { ingress: [], ingressWriters: [] } : { takeOver: /berth\.dev\/take-over/.test(todo) };
  const decision = decisionOf(plan({ pools, nodes, services: [{ ...leftover, ...advised }] }), 'web');
  return decision.kind === 'Assigned' ? 'Assigned' : `${decision.reason}: ${decision.message}`;
}

test("the advice for addresses of another program makes them Berth's if they are in a pool", () => {
  assert.equal(afterAdvice(['192.0.2.12'], 'metallb-controller'), 'Assigned');
});

test('the advice for the remains of a load balancer with node addresses leads to an address', () => {
  const reason = afterAdvice(['192.0.2.101', '192.0.2.102'], 'k3s');
  assert.equal(reason, 'Assigned', `after the advice: ${reason}`);
});

/** Two nodes that run speakers and have the label that excludes them, and a third one that has neither. */
const excluded = ['n1', 'n2'].map((name) => node(name, { excluded: true }));
const all = [...excluded, node('n3')];
const web = service('web', showing('192.0.2.10'));
const ledger = [entry('192.0.2.10', web)];

test('excluded nodes are candidates in the tool if no other node could serve', () => {
  const { installation } = evaluated().cluster;
  const speakers = installation.speakers.filter(({ node: name }) => name !== 'n3');
  const at = evaluated({ pools, ledger, services: [web], nodes: all, installation: { ...installation, speakers } });
  const reasons = explainFacts(at, web).vips[0]?.nodes.map(({ node: name, reason }) => `${name} ${reason}`);
  assert.deepEqual(reasons?.sort(), ['n1 Candidate', 'n2 Candidate', 'n3 NoSpeaker']);
});

/** The nodes that may announce the address. */
function eligibleNodes(facts: Partial<DesiredVipSnapshot>): readonly string[] {
  const objects = { ledger, service: () => web, advertisements: [advertisement()], nodes: all };
  const snapshot = { ...objects, endpointNodes: new Map(), speakers: new Set(['n1', 'n2', 'n3']), ...facts };
  return desiredVipsOf(snapshot, () => undefined).vips.flatMap(({ eligible }) => [...eligible]);
}

test('excluded nodes are candidates if no other node could serve', () => {
  assert.deepEqual(eligibleNodes({ speakers: new Set(['n1', 'n2']) }), ['n1', 'n2'], 'the third node runs no speaker');
  assert.deepEqual(eligibleNodes({ nodes: excluded }), ['n1', 'n2'], 'there is no other node');
  assert.deepEqual(eligibleNodes({}), ['n3'], 'the third node could serve');
  const edge = [advertisement({ nodeSelectors: [{ matchLabels: { edge: 'true' } }] })];
  const labelled = [...excluded.map((one) => ({ ...one, labels: { edge: 'true' } })), node('n3')];
  const chosen = eligibleNodes({ nodes: labelled, advertisements: edge });
  assert.deepEqual(chosen, [], 'the third node runs a speaker, and is not selected on purpose');
});
