/** What becomes of commands if nft does not do its work. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import { NftError, nft } from '../../../src/linux/nft.ts';

/** Replaces nft by a script. */
function substitute(t: TestContext, script: string): void {
  const folder = mkdtempSync(`${tmpdir()}/berth-nft-`);
  const path = process.env.PATH;
  writeFileSync(`${folder}/nft`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  process.env.PATH = `${folder}:${path}`;
  t.after(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });
}

const isFailure = (reason: string) => (error: unknown) => error instanceof NftError && error.reason === reason;

test('an nft that does not end is ended after a minute', async (t) => {
  substitute(t, 'exec sleep 1000');
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const running = nft('list tables\n');
  t.mock.timers.tick(59_999);
  t.mock.timers.tick(1);
  await assert.rejects(running, isFailure('TimedOut'));
});

test('an nft that another program ends has refused the commands: it may have needed too much memory', async (t) => {
  substitute(t, 'kill -KILL $$');
  await assert.rejects(nft('list tables\n'), isFailure('Refused'));
});
