/**
 * When the kernel refuses something about one Service, one peer or one link, all other rules are
 * loaded and stay loaded.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Ip } from '../../../src/addr/ip.ts';
import { tableName, wholeText } from '../../../src/dataplane/nft/ruleset.ts';
import type { DataPath } from '../../../src/dataplane/plan/spec.ts';
import { rulesetOf } from '../../../src/dataplane/rules/desired.ts';
import { decodeMessage } from '../../../src/liveness/codec.ts';
import { wireVersion } from '../../../src/liveness/messages.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { NftApplier } from '../../../src/speaker/dataplane/nft-applier.ts';
import { eventually } from '../../lab/poll.ts';
import { enterNewNamespace } from '../own-namespace.ts';
import { pathOf, vipPath } from '../path-lab.ts';
import { skipTime } from '../skipped-time.ts';
import { Gathering, linkOf, type Surroundings } from './gathering.ts';
import { elementsOf, listing, listText, load } from './kernel.ts';
import { type Cluster, clusterOf, handedOff, rawAdvertisement, rawAllocation, rawService } from './objects.ts';

const oddLinks = ['a"b', 'eth*', 'v0.1', 'v0-1', '(x{$y};', "'#,@=[]|", '\\t', 'ü'];
enterNewNamespace(['v0', ...oddLinks]);

/** The data path of a node with these objects. */
async function gathered(cluster: Partial<Cluster>, around: Partial<Surroundings> = {}): Promise<DataPath> {
  const node = new Gathering();
  try {
    return await node.pathOf(clusterOf(cluster), around);
  } finally {
    node.close();
  }
}

/** An applier of nftables rules in this namespace, with nothing loaded. */
function layerFor(t: TestContext): NftApplier {
  load('flush ruleset\n');
  const layer = new NftApplier(createLogger('test', 'silent'));
  t.after(() => layer.close());
  return layer;
}

/** Gives the applier a path, and waits until it has tried to load it. */
async function tried(layer: NftApplier, path: DataPath): Promise<void> {
  layer.apply(path);
  await eventually('the applier has tried', () => layer.failure !== 'NotLoadedYet', { everyMs: 5 });
}

/** The addresses whose rules are in the kernel. */
function loaded(): readonly string[] {
  return (elementsOf('ip', 'vips') ?? []).map((one) => JSON.stringify(one).match(/[\d.]{7,}/)?.[0] ?? '').sort();
}

const neighbor = { node: 'n2', mac: '02:00:00:00:00:12', link: 'v0' };
const both = ['10.99.3.1', '10.99.3.2'];

test('overlapping source ranges of one Service do not keep the rules out of the kernel', async (t) => {
  for (const loadBalancerSourceRanges of [
    ['10.0.0.0/8', '10.1.0.0/16'],
    ['0.0.0.0/0', '192.0.2.0/24'],
    ['11.0.0.0/8', '12.0.0.0/8', '13.0.0.0/24'],
    ['010.0.0.0/8', '10.0.0.0/8', '::ffff:10.0.0.0/104'],
  ]) {
    const layer = layerFor(t);
    const services = [
      rawService('careless', both.slice(0, 1), { metadata: handedOff, spec: { loadBalancerSourceRanges } }),
      rawService('other', both.slice(1)),
    ];
    const allocations = services.map((service, i) => rawAllocation(both[i] ?? '', [service]));
    await tried(layer, await gathered({ services, allocations }));
    assert.deepEqual(loaded(), both, `${loadBalancerSourceRanges}: ${layer.failure}`);
  }
});

test('an address whose rules the kernel refuses does not keep the rules of other addresses out', async (t) => {
  const layer = layerFor(t);
  const vips = ['10.99.3.999', ...both].map((vip) => vipPath(vip, 'tcp/80'));
  await tried(layer, pathOf({ vips }));
  assert.deepEqual(loaded(), both, `${layer.failure}`);
});

test('what the kernel refuses about a link or an endpoint keeps no rules of addresses out', async (t) => {
  const vips = both.map((vip) => vipPath(vip, 'tcp/80'));
  for (const [part, facts] of [
    ['link a-name-beyond-limits', { spreadLinks: ['v0', 'a-name-beyond-limits'] }],
    ['endpoint 10.244.0.999', { deadEndpoints: ['10.244.0.1', '10.244.0.999'] as Ip[] }],
    ['vip 10.99.3.2', { chances: [{ vip: '10.99.3.2' as Ip, to: { ...neighbor, address: '10.99.0.999' as Ip } }] }],
  ] as const) {
    const layer = layerFor(t);
    await tried(layer, pathOf({ vips, ...facts }));
    assert.equal(layer.failure, 'Refused', part);
    assert.deepEqual(loaded(), part.startsWith('vip') ? both.slice(0, 1) : both, part);
    assert.equal(layer.isRefused('10.99.3.2' as Ip), part.startsWith('vip'));
  }
});

test('a change is loaded beside a refused address, and the address too once it is accepted', async (t) => {
  const layer = layerFor(t);
  await tried(layer, pathOf({ vips: [vipPath('10.99.3.999'), vipPath('10.99.3.1')] }));
  assert.deepEqual(loaded(), ['10.99.3.1']);
  layer.apply(pathOf({ vips: [vipPath('10.99.3.999'), ...both.map((vip) => vipPath(vip))] }));
  await eventually('the change is loaded', () => isDeepStrictEqual(loaded(), both), { everyMs: 5 });
  assert.equal(layer.failure, 'Refused');
  layer.apply(pathOf({ vips: both.map((vip) => vipPath(vip)) }));
  await eventually('nothing is left out', () => layer.failure === undefined, { everyMs: 5 });
});

test('the search for what the kernel refuses ends with the speaker', async (t) => {
  const layer = layerFor(t);
  const vips = Array.from({ length: 400 }, (_, i) => vipPath(`10.99.${i}.999`));
  layer.apply(pathOf({ vips }));
  // The search takes several hundred questions.
  await delay(200);
  assert.equal(layer.failure, 'NotLoadedYet');
  const began = Date.now();
  await layer.close();
  assert.ok(Date.now() - began < 2_000, `${Date.now() - began} ms`);
});

test('loaded rules are kept alive while a change is refused', async (t) => {
  const layer = layerFor(t);
  await tried(layer, pathOf({ vips: both.map((vip) => vipPath(vip)) }));
  assert.deepEqual(loaded(), both);
  // As if most of the ten minutes had passed.
  const gate = `element ip ${tableName} alive`;
  load(`delete ${gate} { ip }\nadd ${gate} { ip timeout 60s }\n`);
  await tried(layer, pathOf({ vips: ['10.99.3.999', ...both].map((vip) => vipPath(vip)) }));
  skipTime(130_000);
  layer.apply(pathOf({ vips: ['10.99.3.999', ...both].map((vip) => vipPath(vip)) }));
  const left = () => JSON.stringify(elementsOf('ip', 'alive')).match(/"val":"ip","timeout":(\d+)/)?.[1];
  await eventually('the gate is renewed', () => Number(left()) > 60, { timeoutMs: 1_000, everyMs: 50 });
});

test('no link name that the kernel allows keeps the rules out of the kernel', async () => {
  const service = rawService('web', both.slice(0, 1));
  for (const name of oddLinks) {
    const links = [linkOf(name, ['10.99.0.2/16', 'fd99::2/64'])];
    const cluster = { services: [service], allocations: [rawAllocation('10.99.3.1', [service])] };
    const text = wholeText(rulesetOf(await gathered(cluster, { links })));
    assert.doesNotThrow(() => load(text), name);
  }
});

test('links whose names differ in one character each have a hook for Spread', async () => {
  const service = rawService('web', ['10.99.3.1', '10.98.3.1']);
  const cluster = {
    services: [service],
    allocations: ['10.99.3.1', '10.98.3.1'].map((address) => rawAllocation(address, [service])),
    advertisements: [rawAdvertisement({ distribution: 'Spread' })],
  };
  const links = [linkOf('v0.1', ['10.99.0.2/16']), linkOf('v0-1', ['10.98.0.2/16'], 3)];
  const path = await gathered(cluster, { links });
  assert.deepEqual(path.spreadLinks, ['v0.1', 'v0-1']);
  load(wholeText(rulesetOf(path)));
  const hooks = [...listText(`table netdev ${tableName}`).matchAll(/hook ingress devices? (?:= )?\{? ?"([^"]+)"/g)];
  assert.deepEqual(hooks.map(([, link]) => link).sort(), ['v0-1', 'v0.1'], 'the links that have a hook');
});

/** A heartbeat as a node with the key writes it, with this hardware address. */
function beatWith(mac: string): string {
  const from = { node: 'n2', incarnation: 'a' };
  const link = { name: 'eth0', mac, addresses: ['10.99.0.3/16'] };
  return JSON.stringify({
    ...{ version: wireVersion, kind: 'Heartbeat', from, to: { node: 'n1', incarnation: 'b', newest: '' }, sequence: 1 },
    ...{ rules: 1, state: 'Serving', nextMs: 100, ages: { loop: 0, worker: 0 }, links: [link], heard: [] },
    ...{ total: { count: 0, sum: 0 }, wantsClaims: false },
  });
}

test('speakers accept the heartbeat of these tests', () => {
  assert.equal(decodeMessage(beatWith('02:00:00:00:00:12'))?.kind, 'Heartbeat');
});

test('the hardware address that a peer reports adds no rule', async () => {
  const mac =
    '02:00:00:00:00:66 }; }\n chain evil { accept\n }\n set more { type ether_addr; elements = { 02:00:00:00:00:67';
  const beat = decodeMessage(beatWith(mac));
  const told = beat?.kind === 'Heartbeat' ? beat.links : [];
  const service = rawService('web', both.slice(0, 1));
  const path = await gathered(
    {
      services: [service],
      allocations: [rawAllocation('10.99.3.1', [service])],
      advertisements: [rawAdvertisement({ distribution: 'Spread' })],
    },
    { peers: { n2: told, n3: [] } },
  );
  load(wholeText(rulesetOf(path)));
  assert.deepEqual(
    listing().filter((line) => line.includes('evil')),
    [],
    'a rule from the heartbeat is in the kernel',
  );
});
