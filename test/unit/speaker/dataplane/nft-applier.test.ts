/** What the applier asks of nft while the kernel refuses rules. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { DataPath, VipPath } from '../../../../src/dataplane/plan/spec.ts';
import { createLogger } from '../../../../src/runtime/logger.ts';
import { wait } from '../../../../src/runtime/wait.ts';
import { NftApplier } from '../../../../src/speaker/dataplane/nft-applier.ts';
import { pathsOf } from '../../../bench/vips-path.ts';
import { eventually } from '../../../lab/poll.ts';

/** Replaces nft by a script that keeps its input, and refuses every input with this text. Returns the inputs so far. */
function substitute(t: TestContext, refused: string): () => readonly string[] {
  const folder = mkdtempSync(`${tmpdir()}/berth-nft-`);
  const path = process.env.PATH;
  const script = `n=$(ls ${folder} | wc -l)\ncat > ${folder}/$n\n! grep -q '${refused}' ${folder}/$n`;
  writeFileSync(`${folder}/nft`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  process.env.PATH = `${folder}:${path}`;
  t.after(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });
  const names = () => readdirSync(folder).filter((name) => name !== 'nft');
  return () =>
    names()
      .sort((a, b) => Number(a) - Number(b))
      .map((name) => readFileSync(`${folder}/${name}`, 'utf8'));
}

test('what is loaded is renewed during a long search for what the kernel refuses', async (t) => {
  let [now, step] = [0, 0];
  t.mock.method(performance, 'now', () => (now += step));
  const applier = new NftApplier(createLogger('speaker', 'silent'));
  t.after(() => applier.close());
  const inputs = substitute(t, '10\\.99\\.16\\.5');
  const paths = pathsOf('KubeProxy');
  applier.apply(paths(4));
  await eventually('the first rules are loaded', () => applier.failure === undefined, { everyMs: 5 });
  const loaded = inputs().length;
  const isRenewal = (input: string) => !input.includes('chain') && input.includes(' alive ');
  // Each look at the clock takes half a minute.
  step = 30_000;
  applier.apply(paths(8));
  while (!applier.isRefused('10.99.16.5' as Ip)) await wait(5, new AbortController().signal);
  assert.deepEqual(applier.refused, ['vip 10.99.16.5']);
  const search = inputs().slice(loaded);
  const first = search.findIndex(isRenewal);
  assert.ok(first >= 0 && first < search.length - 3, 'a renewal comes before the end of the search');
});

const rangesIn = (input: string) => input.match(/ \. 10\.\d+\.\d+\.\d+\/32/g)?.length ?? 0;
const sum = (counts: readonly number[]) => counts.reduce((all, one) => all + one, 0);

/** Paths of hand-off NodePort. The first VIP admits this many ranges. */
function limitedPaths(count: number): (vips: number) => DataPath {
  const sources = Array.from({ length: count }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`);
  const limited = ({ ports, ...vip }: VipPath): VipPath => ({
    ...vip,
    ports: ports.map((port) => ({ ...port, sources })),
  });
  const paths = pathsOf('NodePort');
  return (vips) => {
    const path = paths(vips);
    return { ...path, vips: path.vips.map((vip, i) => (i === 0 ? limited(vip) : vip)) };
  };
}

test('on a node whose kernel has no rules of ours yet, thousands of source ranges follow the rules of all VIPs', async (t) => {
  const applier = new NftApplier(createLogger('speaker', 'silent'));
  t.after(() => applier.close());
  // Without the tables, the kernel refuses to renew their gate.
  const inputs = substitute(t, '^delete element');
  applier.apply(limitedPaths(12_000)(2));
  const loaded = () =>
    inputs()
      .map(rangesIn)
      .filter((count) => count > 0);
  await eventually('all ranges are loaded', () => sum(loaded()) === 12_000, { everyMs: 20 });
  assert.deepEqual(loaded(), [5_000, 5_000, 2_000]);
});

test('thousands of source ranges are loaded in stages, and a newer plan does not wait for them', async (t) => {
  const pathOf = limitedPaths(118_000);
  // Called after the first stage.
  const applier = new NftApplier(createLogger('speaker', 'silent'), () => applier.apply(pathOf(3)));
  t.after(() => applier.close());
  const inputs = substitute(t, 'no input is refused');
  applier.apply(pathOf(2));
  const loaded = () => inputs().map(rangesIn);
  await eventually('all ranges are loaded', () => sum(loaded()) === 118_000, { everyMs: 50 });
  assert.deepEqual(
    loaded().filter((count) => count > 0),
    [100_000, 5_000, 5_000, 5_000, 3_000],
  );
  const newer = inputs().findIndex((input) => input.startsWith('add element') && input.includes('10.99.16.2'));
  assert.ok(newer >= 0 && newer < loaded().lastIndexOf(5_000), 'the newer plan is loaded before the later stages');
});
