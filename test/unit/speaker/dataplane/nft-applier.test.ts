/** What the applier asks of nft while the kernel refuses rules. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
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
  const inputs = substitute(t, '10\\.99\\.16\\.5');
  let [now, step] = [0, 0];
  t.mock.method(performance, 'now', () => (now += step));
  const applier = new NftApplier(createLogger('speaker', 'silent'));
  t.after(() => applier.close());
  const paths = pathsOf('KubeProxy');
  applier.apply(paths(4));
  await eventually('the first rules are loaded', () => applier.failure === undefined, { everyMs: 5 });
  const loaded = inputs().length;
  const isRenewal = (input: string) => !input.includes('chain') && input.includes(' alive ');
  // Each look at the clock takes half a minute.
  step = 30_000;
  applier.apply(paths(8));
  while (!applier.isRefused('10.99.16.5' as Ip)) await wait(5, new AbortController().signal);
  const search = inputs().slice(loaded);
  const first = search.findIndex(isRenewal);
  assert.ok(first >= 0 && first < search.length - 3, 'a renewal comes before the end of the search');
});
