/** The cost of a scrape of the speaker's metrics for its node. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import { wholeText } from '../../src/dataplane/nft/ruleset.ts';
import { rulesetOf } from '../../src/dataplane/rules/desired.ts';
import { kernelMetrics } from '../../src/speaker/http/kernel-metrics.ts';
import { enterNewNamespace } from './own-namespace.ts';
import { pathOf, vipPath } from './path-lab.ts';

enterNewNamespace(['v0']);

/** Counts from now on how often this process starts nft. */
function countStarts(t: TestContext): () => number {
  const folder = mkdtempSync(`${tmpdir()}/berth-scrapes-`);
  const path = process.env.PATH;
  const nft = execFileSync('sh', ['-c', 'command -v nft'], { encoding: 'utf8' }).trim();
  const log = `${folder}/log`;
  writeFileSync(log, '');
  writeFileSync(`${folder}/nft`, `#!/bin/sh\necho start >>${log}\nexec ${nft} "$@"\n`, { mode: 0o755 });
  process.env.PATH = `${folder}:${path}`;
  t.after(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });
  return () => readFileSync(log, 'utf8').split('\n').length - 1;
}

test('scrapes of the metrics in quick succession do not each start a program', async (t) => {
  const starts = countStarts(t);
  execFileSync('nft', ['-f', '-'], { input: wholeText(rulesetOf(pathOf({ vips: [vipPath('10.99.3.1')] }))) });
  const metrics = kernelMetrics(() => true);
  const before = starts();
  const scrape = async () => {
    const samples = await Promise.all(metrics.map(({ read }) => read()));
    return samples.flat().length;
  };
  assert.ok((await scrape()) >= 3, 'there are counts');
  const one = starts() - before;
  assert.ok(one > 0);
  for (let i = 0; i < 4; i++) await scrape();
  const five = starts() - before;
  assert.equal(five, one, `${five} programs were started for five readers, ${one} for the first`);
});
