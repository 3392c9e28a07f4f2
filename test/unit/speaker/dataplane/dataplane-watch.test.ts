/** When a node's data path is planned again. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { Placement } from '../../../../src/announce/placements.ts';
import { parseEndpointSlice } from '../../../../src/api/endpoints.ts';
import type { DataPath } from '../../../../src/dataplane/plan/spec.ts';
import { createLogger } from '../../../../src/runtime/logger.ts';
import { DataplaneWatch } from '../../../../src/speaker/dataplane/dataplane-watch.ts';
import { SpreadWatch } from '../../../../src/speaker/dataplane/spread-watch.ts';
import type { DesiredView } from '../../../../src/speaker/desired-state.ts';
import { EndpointStore } from '../../../../src/speaker/endpoint-store.ts';
import type { Informers } from '../../../../src/speaker/informers.ts';
import { eventually } from '../../../lab/poll.ts';
import { entry, node, service } from '../../fixtures.ts';
import { informersOf, link, VirtualTime } from '../node-in-a-box.ts';

const vip = '192.0.2.10' as Ip;
const prober = { probe: () => [] };

/** No VIP is desired. */
const noVips = { vips: { vips: [], unwanted: [] } } as unknown as DesiredView;

/** Informers that are synchronized and empty. */
function noInformers(): Informers {
  const none = { known: true, store: new EndpointStore() };
  const names = ['allocations', 'services', 'advertisements', 'nodes', 'endpointSlices', 'pods'];
  return Object.fromEntries(names.map((name) => [name, none])) as unknown as Informers;
}

/** The parts of a watch for a node that spreads nothing. */
const spreadingNothing = () => ({
  spread: new SpreadWatch({
    log: createLogger('speaker', 'silent'),
    tester: { observe: () => true, blockedOn: () => [] },
    fault: () => undefined,
  }),
  options: { nodeName: 'self', handOff: 'KubeProxy', synLimit: undefined, conntrackZone: 7932 } as const,
});

test('after a start, nothing is planned before the peers are heard: the rules in the kernel know which node serves', async () => {
  const made: DataPath[] = [];
  let views = 0;
  const runner = { membership: { present: [] as string[], lost: [] }, decisions: [], linksOf: () => undefined };
  const tester = { observe: () => undefined, blockedOn: () => [] };
  const watch = new DataplaneWatch({
    ...{ informers: noInformers(), runner, links: () => [], blockedOn: () => [], prober },
    desired: {
      get view() {
        views++;
        return noVips;
      },
    },
    spread: new SpreadWatch({ log: createLogger('speaker', 'silent'), tester, fault: () => undefined }),
    options: { nodeName: 'self', handOff: 'KubeProxy', synLimit: undefined, conntrackZone: 7932 },
  });
  watch.planned.to((path) => made.push(path));
  const replan = async () => {
    const before = views;
    watch.replan();
    await eventually('the desired state is read', () => views > before, { everyMs: 1 });
  };
  try {
    await replan();
    assert.equal(made.length, 0);
    runner.membership = { present: ['self'], lost: [] };
    await replan();
    assert.deepEqual(
      made.map(({ self }) => self),
      ['self'],
    );
    await replan();
    assert.equal(made.length, 1, 'nothing has changed');
  } finally {
    watch.close();
  }
});

/**
 * The addresses that get no new connections once their dead node answers no probe either. A slice
 * names them as endpoints of that node, and another one places the last of them elsewhere.
 */
function refusedOf(t: TestContext, addresses: readonly string[], elsewhere?: string): readonly Ip[] {
  const time = new VirtualTime(t);
  const metadata = { name: 's-x', namespace: 'default', uid: 'u', resourceVersion: '1' };
  const labels = { 'kubernetes.io/service-name': 's' };
  const endpoints = addresses.map((one) => ({ addresses: [one], nodeName: 'dead', conditions: { ready: true } }));
  const forged = parseEndpointSlice({ metadata: { ...metadata, labels }, endpoints }) ?? assert.fail();
  const real = endpoints.slice(-1).map((one) => ({ ...one, nodeName: elsewhere ?? '' }));
  const other = parseEndpointSlice({ metadata: { ...metadata, uid: 'v', labels }, endpoints: real }) ?? assert.fail();
  const slices = elsewhere === undefined ? [forged] : [forged, other];
  const nodes = ['self', 'dead', 'well'].map((name, i) => {
    const own = [`192.0.2.${i + 1}` as Ip];
    return node(name, { addresses: own, internalAddresses: own });
  });
  const made: DataPath[] = [];
  const links = [{ name: 'eth0', mac: '02:00:00:00:00:02', addresses: ['192.0.2.2/24'] }];
  const watch = new DataplaneWatch({
    ...{ informers: informersOf({ nodes, slices, entries: [], services: [] }), blockedOn: () => [] },
    runner: { membership: { present: ['self', 'well'], lost: ['dead'] }, decisions: [], linksOf: () => links },
    links: () => [link('eth0')],
    ...{ prober, desired: { view: noVips } },
    ...spreadingNothing(),
  });
  watch.planned.to((path) => made.push(path));
  t.after(() => watch.close());
  watch.replan();
  time.run(1_000);
  return made.at(-1)?.deadEndpoints ?? assert.fail('nothing was planned');
}

test('when this node begins to announce a VIP, its rules follow, and when another host has it, they end', (t) => {
  const time = new VirtualTime(t);
  const web = service('web', { ingress: [{ ip: vip, ipMode: 'VIP' }] });
  const made: DataPath[] = [];
  const watch = new DataplaneWatch({
    ...{ informers: informersOf({ nodes: [], slices: [], entries: [entry(vip, web)], services: [web] }), prober },
    runner: { membership: { present: ['self'], lost: [] }, decisions: [], linksOf: () => [] },
    ...{ links: () => [link('eth0')], blockedOn: () => [], desired: { view: noVips } },
    ...spreadingNothing(),
  });
  watch.planned.to((path) => made.push(path));
  t.after(() => watch.close());
  const restraintWith = (placement: Placement) => {
    watch.place([placement]);
    time.run(100);
    return made.at(-1)?.vips[0]?.restraint;
  };
  const { uid } = entry(vip, web);
  const held = { vip, uid, holder: 'self', term: 1, links: ['eth0'] };
  assert.equal(restraintWith({ ...held, kind: 'Withhold', reason: 'ProbingFirst' }), 'Silent');
  assert.equal(restraintWith({ ...held, kind: 'Announce', damped: false }), undefined);
  assert.equal(restraintWith({ ...held, kind: 'Withhold', reason: 'AddressTaken' }), 'Silent');
  assert.equal(made.length, 3);
  restraintWith({ ...held, kind: 'Withhold', reason: 'AddressTaken' });
  assert.equal(made.length, 3, 'nothing has changed');
});

test('new connections to the Pods of a dead node are dropped', (t) => {
  assert.deepEqual(refusedOf(t, ['10.0.0.1']), ['10.0.0.1']);
});

test("connections to a node's own address are never refused", (t) => {
  const refused = refusedOf(t, ['10.0.0.1', '192.0.2.2', '192.0.2.3']);
  assert.deepEqual(refused, ['10.0.0.1'], 'only the address of the Pod is refused');
});

for (const elsewhere of ['well', '']) {
  test(`an endpoint is not refused if another slice places it on ${elsewhere || 'no'} node`, (t) => {
    assert.deepEqual(refusedOf(t, ['10.0.0.1', '10.0.0.2'], elsewhere), ['10.0.0.1']);
  });
}

/** A slice of a Service of the namespace `default`, with endpoints on these nodes. */
function sliceOf(name: string, resourceVersion: number, ...nodes: readonly string[]) {
  const metadata = { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: `${resourceVersion}` };
  const labels = { 'kubernetes.io/service-name': name };
  const endpoints = nodes.map((nodeName) => ({ addresses: ['10.0.0.1'], nodeName, conditions: { ready: true } }));
  return parseEndpointSlice({ metadata: { ...metadata, labels }, endpoints }) ?? assert.fail();
}

test('a Pod that starts makes nothing be planned again, unless the plan depends on it: then one VIP is', (t) => {
  const time = new VirtualTime(t);
  const services = ['a', 'b', 'c'].map((name) => service(name));
  const entries = services.map((to, i) => entry(`192.0.2.${i + 10}`, to));
  const slices = [...services.map(({ name }) => sliceOf(name, 1, 'self')), sliceOf('other', 1, 'self')];
  const informers = informersOf({ nodes: [], slices, entries, services });
  const made: DataPath[] = [];
  const watch = new DataplaneWatch({
    ...{ informers, prober, links: () => [link('eth0')], blockedOn: () => [], desired: { view: noVips } },
    runner: { membership: { present: ['self'], lost: [] }, decisions: [], linksOf: () => [] },
    ...spreadingNothing(),
  });
  watch.planned.to((path) => made.push(path));
  t.after(() => watch.close());
  /** The VIPs that were planned again after this change. */
  const plannedAfter = (slice: ReturnType<typeof sliceOf>) => {
    const before = new Set(made.at(-1)?.vips);
    const plans = made.length;
    informers.endpointSlices.store.put(slice);
    watch.replan();
    time.run(100);
    return made.length === plans
      ? undefined
      : made
          .at(-1)
          ?.vips.filter((path) => !before.has(path))
          .map(({ address }) => address);
  };
  watch.replan();
  time.run(100);
  assert.equal(made.length, 1);
  assert.equal(plannedAfter(sliceOf('other', 2, 'self', 'self')), undefined, 'a Service without a VIP');
  assert.equal(plannedAfter(sliceOf('other', 3)), undefined, 'a Service without a VIP');
  assert.equal(plannedAfter(sliceOf('b', 2, 'self', 'n2')), undefined, 'a Service that was served before');
  assert.deepEqual(plannedAfter(sliceOf('b', 3)), ['192.0.2.11'], 'a Service that nothing serves any more');
  assert.deepEqual(plannedAfter(sliceOf('b', 4, 'n2')), ['192.0.2.11'], 'its first Pod');
});
