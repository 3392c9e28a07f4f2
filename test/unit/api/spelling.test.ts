/** What people type: other spellings mean the same, and a value without meaning is reported. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { desiredVipsOf } from '../../../src/announce/desired-vips.ts';
import type { AllocationView } from '../../../src/api/allocation.ts';
import { parseNode } from '../../../src/api/node.ts';
import { parsePool } from '../../../src/api/pool.ts';
import { asWritten, ingressText, parseService, type RawService, type ServiceView } from '../../../src/api/service.ts';
import { VipPathReader } from '../../../src/dataplane/plan/vip-paths.ts';
import { settle } from '../../../src/ipam/allocate.ts';
import { poolReports } from '../../../src/ipam/pool-report.ts';
import { desiredStatus } from '../../../src/ipam/status.ts';
import { StatusConflicts } from '../../../src/ipam/status-conflicts.ts';
import { advertisement, entry, node, ownership, pool } from '../fixtures.ts';
import { decisionOf, outcomes, plan, snapshotOf } from '../ipam/plans.ts';

interface Typed {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Partial<RawService['spec']>;
  readonly shownByOther?: string;
}

function service(name: string, { annotations = {}, spec = {}, shownByOther }: Typed): ServiceView {
  const fieldsV1 = { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } };
  return parseService({
    metadata: {
      ...{ name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', annotations },
      ...(shownByOther && { managedFields: [{ manager: 'metallb', subresource: 'status', fieldsV1 }] }),
    },
    spec: { type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30_080 }], ipFamilies: ['IPv4'], ...spec },
    ...(shownByOther && { status: { loadBalancer: { ingress: [{ ip: shownByOther }] } } }),
  });
}

const pools = [pool('p', ['192.0.2.1-192.0.2.9'])];

test('a sharing key is the same with spaces and line ends around it', () => {
  const typed = (key: string, port: number) => ({
    annotations: { 'berth.dev/allow-shared-ip': key },
    spec: { ports: [{ port }] },
  });
  const services = [service('a', typed('k', 80)), service('b', typed('k\n', 443)), service('c', typed(' k', 444))];
  assert.deepEqual(outcomes(plan({ pools, services })), ['a 192.0.2.1', 'b 192.0.2.1', 'c 192.0.2.1']);
});

test('names of pools and addresses are the same with spaces and line ends around them', () => {
  const annotations = { 'berth.dev/address-pool': ' p \n', 'berth.dev/loadBalancerIPs': ' 192.0.2.5\n' };
  assert.deepEqual(outcomes(plan({ pools, services: [service('a', { annotations })] })), ['a 192.0.2.5']);
});

test('an unknown value of the annotation take-over is reported, or has the effect that its author meant', () => {
  const annotations = { 'berth.dev/take-over': 'True' };
  const foreign = service('a', { annotations, shownByOther: '192.0.2.3' });
  const { kind, message } = decisionOf(plan({ pools, services: [foreign] }), 'a');
  assert.ok(
    kind === 'Assigned' || message.includes('take-over'),
    `"True" does nothing, and the only message is: ${message}`,
  );
});

test('an annotation that is neither yes nor no is named, and the usual spellings of yes and no are understood', () => {
  const message = (value: string) => {
    const foreign = service('a', { annotations: { 'berth.dev/take-over': value }, shownByOther: '192.0.2.3' });
    const decision = decisionOf(plan({ pools, services: [foreign] }), 'a');
    return decision.kind === 'Assigned' ? 'taken over' : decision.message;
  };
  for (const value of ['true', 'True', ' yes\n', '1', 'on', 't']) assert.equal(message(value), 'taken over', value);
  for (const value of ['false', 'No', '0', 'off', 'F']) assert.doesNotMatch(message(value), /take-over/, value);
  assert.match(message('please'), /annotation berth\.dev\/take-over is "please", which means neither yes nor no/);
});

test('a pool reports that an entry with host bits stands for its whole network', () => {
  const typed = parsePool({
    metadata: { name: 'p', uid: 'uid-p', resourceVersion: '1' },
    spec: { addresses: ['192.168.1.240/24'] },
  });
  const { table, ledger } = settle(snapshotOf({ pools: [typed] }));
  const told = poolReports(table, ledger).flatMap(({ findings }) => findings.map(({ message }) => message));
  assert.match(told.join('; '), /192\.168\.1\.240\/24/);
});

/** The clients that a Service with hand-off NodePort admits. `undefined` means all clients. */
function sourcesOf(...ranges: readonly string[]): readonly string[] | undefined {
  const svc = service('s', { spec: { loadBalancerSourceRanges: ranges } });
  const ledger: readonly AllocationView[] = [entry('192.0.2.1', svc)];
  const facts = { ledger, service: () => svc, handOff: 'NodePort', now: 0, isServed: () => true } as const;
  return new VipPathReader().read(facts)[0]?.ports[0]?.sources;
}

test('source ranges keep all other clients out', () => {
  assert.equal(sourcesOf(), undefined, 'no ranges');
  assert.deepEqual(sourcesOf('10.0.0.0/8'), ['10.0.0.0/8']);
  assert.deepEqual(sourcesOf(' 10.0.0.0/8 '), ['10.0.0.0/8']);
  assert.equal(sourcesOf('2001:db8::/32'), undefined, 'ranges of the other family, as for kube-proxy');
});

test('a source range in an obsolete spelling keeps all other clients out', () => {
  const sources = sourcesOf('010.0.0.0/8');
  assert.ok(sources, 'every client is admitted');
  const isNarrow = (range: string) => ['10.0.0.0/8', '8.0.0.0/8'].includes(range);
  assert.ok(sources.every(isNarrow), `${sources} are admitted`);
});

test('an address in a status is the same in every spelling that Kubernetes reads', () => {
  const rows: readonly [string, string][] = [
    ['2001:DB8::0001', '2001:db8::1'],
    ['2001:0db8:0:0:0:0:0:1', '2001:db8::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['192.000.002.001', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:0:c000:201', '::ffff:0:c000:201'],
  ];
  for (const [written, ip] of rows) {
    const [shown = assert.fail()] = service('a', { shownByOther: written }).ingress;
    assert.equal(shown.ip, ip, written);
    assert.deepEqual(asWritten(shown), { ip: written }, 'what another program wrote stays as it is');
    const { addresses } = parseNode({
      metadata: { name: 'n', uid: 'u', resourceVersion: '1' },
      status: { addresses: [{ type: 'InternalIP', address: written }] },
    });
    assert.deepEqual(addresses, [ip], `a node with ${written}`);
  }
});

test('a Service that shows its address in another spelling has it, and its status is not written again', () => {
  const ipv6 = [pool('p', ['2001:db8::1-2001:db8::9'])];
  const spec = { ipFamilies: ['IPv6'] as const };
  const shows = service('a', { spec, shownByOther: '2001:DB8::1' });
  const ledger = [entry('2001:db8::1', shows)];
  const of = plan({ pools: ipv6, services: [shows], ledger });
  assert.deepEqual([outcomes(of), of.releases], [['a 2001:db8::1'], []]);
  const { ingress, force } = desiredStatus(decisionOf(of, 'a'), {
    ...{ ownership, advertised: () => true, entryOf: () => ledger[0], conflicts: new StatusConflicts() },
    ...{ handOff: 'KubeProxy', now: 0 },
  });
  assert.deepEqual([ingress?.map(asWritten), force], [[{ ip: '2001:DB8::1', ipMode: 'VIP' }], false]);
  assert.equal(ingressText(ingress ?? []), ingressText(shows.ingress));
  const speaker = node('n1', { addresses: [] });
  const facts = { ledger, service: () => shows, endpointNodes: new Map(), advertisements: [advertisement()] };
  const { unwanted } = desiredVipsOf({ ...facts, nodes: [speaker], speakers: new Set(['n1']) }, () => undefined);
  assert.deepEqual(unwanted, [], 'it is announced');
});
