/** The log level, which follows a file. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createLogger, followLevel } from '../../../src/runtime/logger.ts';

const directory = await mkdtemp(join(tmpdir(), 'berth-logger-'));
after(() => rm(directory, { recursive: true, force: true }));

test('the level is the one in the file; without a file or with an unknown level, it stays', async () => {
  const file = join(directory, 'level');
  const rows = [
    { desc: 'a level', said: 'error\n', level: 'error' },
    { desc: 'an unknown level', said: 'loud', level: 'warn' },
    { desc: 'no file', said: undefined, level: 'warn' },
  ];
  for (const { desc, said, level } of rows) {
    await rm(file, { force: true });
    if (said !== undefined) await writeFile(file, said);
    const log = createLogger('test', 'warn');
    log.warn = () => undefined;
    const stop = new AbortController();
    await followLevel(log, file, stop.signal);
    stop.abort();
    assert.equal(log.level, level, desc);
  }
});
