/** The applier keeps its rules in a real kernel, whatever program removes them, and reports why when it cannot. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';
import { createPair, nodeMac, type Pair, run } from './namespaces.ts';
import { nftIn, pointTo, startEndpoint, vips } from './path-lab.ts';
import { soon } from './soon.ts';

/** An applier in its own pair. */
interface Layer {
  readonly pair: Pair;
  readonly process: LineProcess;
}

/** Starts an applier with a path; all of it ends with the test. */
async function start(t: TestContext, facts: object, prefix: readonly string[] = []): Promise<Layer> {
  const pair = createPair();
  t.after(() => pair.close());
  return { pair, process: await startIn(t, pair, { facts, prefix }) };
}

/** Starts an applier in an existing pair. */
async function startIn(
  t: TestContext,
  { node }: Pair,
  { facts, prefix = [] }: { readonly facts: object; readonly prefix?: readonly string[] },
): Promise<LineProcess> {
  const layer = startLineProcess({ namespace: node, file: './nft-applier-process.ts', prefix });
  t.after(() => layer.close());
  await layer.next('ready');
  layer.tell({ do: 'apply', ...facts });
  return layer;
}

/** The reason why its rules are not loaded, as the applier reports it. */
async function failureOf(process: LineProcess): Promise<unknown> {
  return (await process.ask({ do: 'failure' }, 'failure')).failure;
}

/** All tables of the node, without counters and times, which change by themselves. */
function listing({ node }: Pair): string {
  return nftIn(node, 'list ruleset\n', '--stateless').replaceAll(/ expires \w+/g, '');
}

/** The warnings in its log. */
function warnings({ said }: LineProcess): readonly unknown[] {
  return said
    .filter(({ kind, level }) => kind === 'log' && level === 'warn')
    .map(({ message, reason }) => [message, reason].join(': '));
}

const loaded = (process: LineProcess) =>
  soon('the rules are loaded', async () => (await failureOf(process)) === undefined);

/** The applier checks every half a second of its fast clock, and less often if a check takes long. */
const inTime = { timeoutMs: 60_000, everyMs: 100 };

/** A substitute for nft: it runs nft, and records the arguments. */
function notingNft(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-nftables-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const notes = join(folder, 'notes');
  writeFileSync(notes, '');
  writeFileSync(join(folder, 'nft'), `#!/bin/sh\necho "$*" >>${notes}\nPATH=\${PATH#*:} exec nft "$@"\n`);
  chmodSync(join(folder, 'nft'), 0o755);
  return {
    prefix: ['env', `PATH=${folder}:${process.env.PATH}`],
    /** The number of tables listed so far. */
    listed: () =>
      readFileSync(notes, 'utf8')
        .split('\n')
        .filter((line) => line.includes('--terse')).length,
  };
}

test('rules are loaded and changed; close() leaves them, remove() leaves none', async (t) => {
  const { pair, process } = await start(t, { vips: [vips.IPv4] });
  await loaded(process);
  assert.match(listing(pair), /30080/);
  process.tell({ do: 'apply', vips: ['10.99.3.2'] });
  const isChanged = (text: string) => /10\.99\.3\.2/.test(text) && !text.includes(vips.IPv4);
  await soon('the change is loaded', () => isChanged(listing(pair)));
  await process.ask({ do: 'close' }, 'done');
  assert.match(listing(pair), /10\.99\.3\.2/);
  await process.ask({ do: 'remove' }, 'done');
  assert.equal(listing(pair), '');
  assert.deepEqual(warnings(process), []);
});

const oneRule = ({ node }: Pair) => {
  const chain = nftIn(node, 'list chain ip berth watch\n', '--handle');
  return `delete rule ip berth watch handle ${/goto watched # handle (\d+)/.exec(chain)?.[1]}\n`;
};
for (const [what, commands] of [
  ['a table', () => 'delete table ip6 berth\n'],
  ['the whole ruleset', () => 'flush ruleset\n'],
  ['one rule', oneRule],
] as const) {
  test(`rules that another program removes are loaded again: ${what}`, async (t) => {
    const { pair, process } = await start(t, { vips: Object.values(vips) });
    await loaded(process);
    const before = listing(pair);
    nftIn(pair.node, commands(pair));
    assert.notEqual(listing(pair), before);
    await eventually('the rules are restored', () => listing(pair) === before, inTime);
    await loaded(process);
    assert.equal(warnings(process).length, 1);
  });
}

test('tables of other programs are left alone', async (t) => {
  const pair = createPair();
  t.after(() => pair.close());
  nftIn(pair.node, 'table ip other {\n chain mine {\n counter\n }\n}\n');
  const process = await startIn(t, pair, { facts: { vips: [vips.IPv4] } });
  await loaded(process);
  assert.match(listing(pair), /table ip other/);
  await process.ask({ do: 'remove' }, 'done');
  assert.match(listing(pair), /^table ip other \{\s+chain mine \{\s+counter\s+\}\s+\}\s*$/);
});

test('growing counters do not count as a change', async (t) => {
  const nft = notingNft(t);
  const { pair, process } = await start(t, { vips: [vips.IPv4], synLimit: 1 }, nft.prefix);
  await loaded(process);
  pointTo(pair.client, [vips.IPv4], nodeMac);
  const client = await startEndpoint(pair.client);
  t.after(() => client.process.close());
  const ask = () => client.ask('tcp', { host: vips.IPv4, port: 80, timeoutMs: 100 });
  await Promise.all(Array.from({ length: 5 }, ask));
  const dropped = () => Number(/counter packets (\d+).* drop/.exec(nftIn(pair.node, 'list table ip berth\n'))?.[1]);
  await soon('some SYNs are dropped', () => dropped() > 0);
  // A check that finds no change logs nothing. It lists four tables, and one check may be under way.
  const looks = Math.ceil(nft.listed() / 4);
  await eventually('the applier has checked', () => nft.listed() >= 4 * (looks + 1), inTime);
  assert.deepEqual(warnings(process), []);
  assert.ok(dropped() > 0);
});

test('without NET_ADMIN the applier logs one clear line, and reports the reason', async (t) => {
  const without = ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'];
  const { pair, process } = await start(t, { vips: [vips.IPv4] }, without);
  const { reason, level, hint } = await process.next('log');
  assert.deepEqual([reason, level], ['NotPermitted', 'warn']);
  assert.match(String(hint), /CAP_NET_ADMIN/);
  assert.equal(await failureOf(process), 'NotPermitted');
  assert.equal(listing(pair), '');
});

test('without nft the reason is NoNft', async (t) => {
  const { process } = await start(t, { vips: [vips.IPv4] }, ['env', 'PATH=/nonexistent']);
  assert.equal((await process.next('log')).reason, 'NoNft');
  assert.equal(await failureOf(process), 'NoNft');
});

test('refused rules are logged once and retried, and success is logged', async (t) => {
  const { pair, process } = await start(t, { vips: ['10.99.3.999'] });
  assert.equal((await process.next('log')).reason, 'Refused');
  assert.equal(await failureOf(process), 'Refused');
  process.tell({ do: 'apply', vips: [vips.IPv4] });
  await loaded(process);
  assert.equal((await process.next('log')).message, 'nftables rules loaded again');
  assert.equal(run(pair.node, 'nft', 'list', 'tables').match(/berth/g)?.length, 4);
});
