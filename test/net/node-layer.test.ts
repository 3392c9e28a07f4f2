/** The node layer keeps its rules in a real kernel, whoever takes them away, and says why where it cannot. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';
import { createPair, nodeMac, type Pair, run } from './namespaces.ts';
import { nftIn, pointTo, startEndpoint, vips } from './path-lab.ts';

let pair: Pair;
let layer: LineProcess | undefined;

beforeEach(() => {
  pair = createPair();
});
afterEach(() => {
  layer?.close();
  pair?.close();
});

/** Starts the layer with a path, and gives its process. */
async function start(facts: object, prefix: readonly string[] = []): Promise<LineProcess> {
  layer = startLineProcess({ namespace: pair.node, file: './node-layer-process.ts', prefix });
  await layer.next('ready');
  layer.child.stdin?.write(`${JSON.stringify({ do: 'apply', ...facts })}\n`);
  return layer;
}

/** Why its rules are not there, in its own words. */
async function failureOf(process: LineProcess): Promise<unknown> {
  return (await process.ask({ do: 'failure' }, 'failure')).failure;
}

/** All tables of the node without what changes by itself: counts and times. */
function listing(): string {
  return nftIn(pair.node, 'list ruleset\n', '--stateless').replaceAll(/ expires \w+/g, '');
}

/** What it has logged that somebody should look at. */
function warnings({ said }: LineProcess): readonly unknown[] {
  return said
    .filter(({ kind, level }) => kind === 'log' && level === 'warn')
    .map(({ message, reason }) => [message, reason].join(': '));
}

const loaded = (process: LineProcess) =>
  eventually('the rules are loaded', async () => (await failureOf(process)) === undefined, { everyMs: 20 });

test('rules are loaded and changed; close() leaves them, remove() leaves none', async () => {
  const process = await start({ vips: [vips.IPv4] });
  await loaded(process);
  assert.match(listing(), /30080/);
  process.child.stdin?.write(`${JSON.stringify({ do: 'apply', vips: ['10.99.3.2'] })}\n`);
  await eventually('the change is there', () => /10\.99\.3\.2/.test(listing()) && !listing().includes(vips.IPv4));
  await process.ask({ do: 'close' }, 'done');
  assert.match(listing(), /10\.99\.3\.2/);
  await process.ask({ do: 'remove' }, 'done');
  assert.equal(listing(), '');
  assert.deepEqual(warnings(process), []);
});

test('D10 what somebody takes away is made anew: a table, the whole ruleset, one rule', async () => {
  const process = await start({ vips: Object.values(vips) });
  await loaded(process);
  const before = listing();
  const rule = /goto watched # handle (\d+)/.exec(nftIn(pair.node, 'list chain ip berth watch\n', '--handle'))?.[1];
  const rows = ['delete table ip6 berth\n', 'flush ruleset\n', `delete rule ip berth watch handle ${rule}\n`];
  for (const [i, commands] of rows.entries()) {
    nftIn(pair.node, commands);
    assert.notEqual(listing(), before, commands);
    await eventually(`made anew after ${commands}`, () => listing() === before, { timeoutMs: 15_000 });
    await loaded(process);
    assert.equal(warnings(process).length, i + 1, commands);
  }
});

test('tables of others are left alone', async () => {
  nftIn(pair.node, 'table ip other {\n chain mine {\n counter\n }\n}\n');
  const process = await start({ vips: [vips.IPv4] });
  await loaded(process);
  assert.match(listing(), /table ip other/);
  await process.ask({ do: 'remove' }, 'done');
  assert.match(listing(), /^table ip other \{\s+chain mine \{\s+counter\s+\}\s+\}\s*$/);
});

test('counts that grow are nobody’s change', async () => {
  const process = await start({ vips: [vips.IPv4], synLimit: 1 });
  await loaded(process);
  pointTo(pair.client, [vips.IPv4], nodeMac);
  const client = await startEndpoint(pair.client);
  try {
    await Promise.all(
      Array.from({ length: 5 }, () => client.ask('tcp', { host: vips.IPv4, port: 80, timeoutMs: 2_000 })),
    );
  } finally {
    client.process.close();
  }
  const dropped = () => Number(/counter packets (\d+).* drop/.exec(nftIn(pair.node, 'list table ip berth\n'))?.[1]);
  assert.ok(dropped() > 0);
  // Nothing is said of a look that finds all as it was: its time has to pass.
  const from = performance.now();
  await eventually('it has looked', () => performance.now() - from > 6_000);
  assert.deepEqual(warnings(process), []);
  assert.ok(dropped() > 0);
});

test('D11 without NET_ADMIN there is one clear line, and the reason', async () => {
  const process = await start({ vips: [vips.IPv4] }, [
    'setpriv',
    '--bounding-set',
    '-net_admin',
    '--inh-caps',
    '-net_admin',
  ]);
  const { reason, level, hint } = await process.next('log');
  assert.deepEqual([reason, level], ['NotPermitted', 'warn']);
  assert.match(String(hint), /CAP_NET_ADMIN/);
  assert.equal(await failureOf(process), 'NotPermitted');
  assert.equal(listing(), '');
});

test('D11 where there is no nft, the reason says so', async () => {
  const process = await start({ vips: [vips.IPv4] }, ['env', 'PATH=/nonexistent']);
  assert.equal((await process.next('log')).reason, 'NoNft');
  assert.equal(await failureOf(process), 'NoNft');
});

test('what the kernel refuses is said once, tried again, and told when it works', async () => {
  const process = await start({ vips: ['10.99.3.999'] });
  assert.equal((await process.next('log')).reason, 'Refused');
  assert.equal(await failureOf(process), 'Refused');
  process.child.stdin?.write(`${JSON.stringify({ do: 'apply', vips: [vips.IPv4] })}\n`);
  await loaded(process);
  assert.equal((await process.next('log')).message, 'rules are in the kernel again');
  assert.equal(run(pair.node, 'nft', 'list', 'tables').match(/berth/g)?.length, 4);
});
