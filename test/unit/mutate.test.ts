/**
 * `npm run mutate` knows which tests run a file, counts no failure of another kind, and leaves
 * nothing behind.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Reach } from '../../scripts/mutate/reach.ts';
import { runTests } from '../../scripts/mutate/run-tests.ts';
import { eventually } from '../lab/poll.ts';
import { mutate } from '../mutations/mutation.ts';

/** Makes a folder with these files. It is deleted when the test ends. */
function treeOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'berth-tree-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return root;
}

const slip = { id: 'a-slip', file: 'a.ts', consequence: 'None.', tests: [] };

test('a mutation changes exactly one place, and its result must parse', () => {
  const source = '#!/usr/bin/env node\nconst a: number = 1;\nconst b = 2;\n';
  assert.equal(mutate(source, { ...slip, old: 'b = 2', new: 'b = 3' }), source.replace('2', '3'));
  assert.throws(() => mutate(source, { ...slip, old: 'const', new: 'let' }), /stands in src\/a\.ts 2 times/);
  assert.throws(() => mutate(source, { ...slip, old: 'c =', new: 'd =' }), /stands in src\/a\.ts 0 times/);
  assert.throws(() => mutate(source, { ...slip, old: '= 2', new: '= 2' }), /changes nothing/);
  assert.throws(() => mutate(source, { ...slip, old: '= 2;', new: '= (2;' }), /does not parse/);
});

test('the tests of a file are the quick tests that run it, directly or through other files', (t) => {
  const root = treeOf(t, {
    'src/a.ts': 'export const a = 1;',
    'src/b.ts': "import { a } from './a.ts';\nexport const b = a;",
    'src/c.ts': "import type { A } from './a.ts';\nexport type C = A;",
    'src/program.ts': "const { b } = await import('./b.ts');",
    'test/unit/direct.test.ts': "import {\n  a,\n} from '../../src/a.ts';",
    'test/unit/through-others.test.ts': "import { b } from '../../src/b.ts';",
    'test/unit/of-a-type.test.ts': "import '../../src/c.ts';",
    'test/unit/of-a-process.test.ts': "const main = new URL('../../src/program.ts', import.meta.url);",
    'test/net/slow.test.ts': "import { a } from '../../src/a.ts';",
  });
  const names = (file: string) =>
    new Reach(root).testsOf(file).map((one) => one.replace(/^test\/unit\/|\.test\.ts$/g, ''));
  assert.deepEqual(names('src/a.ts'), ['direct', 'of-a-process', 'through-others']);
  assert.deepEqual(names('src/c.ts'), ['of-a-type']);
});

test('a run passes, fails with the name of the first test that fails, or hangs', async (t) => {
  const head = "import { test } from 'node:test';\n";
  const root = treeOf(t, {
    'good.test.ts': `${head}test('good', () => {});`,
    'shared.ts': `${head}export const bad = () => test('bad', () => { throw new Error(); });`,
    'bad.test.ts': `${head}import { bad } from './shared.ts';\ntest('good', () => {});\nbad();`,
    'broken.test.ts': 'throw new Error();',
    'hanging.test.ts': `${head}test('hangs', () => new Promise(() => setInterval(() => {}, 1_000)));`,
  });
  const run = (file: string, limitMs = 30_000) => runTests(root, [file], { limitMs });
  assert.deepEqual(await run('good.test.ts'), { kind: 'Passed' });
  assert.deepEqual(await run('bad.test.ts'), { kind: 'Failed', file: 'bad.test.ts', test: 'bad' });
  assert.equal((await run('broken.test.ts')).kind, 'Failed');
  assert.deepEqual(await run('hanging.test.ts', 1_000), { kind: 'Hung' });
});

test('an interrupted run deletes its copy and ends the processes that it started', async (t) => {
  const folder = treeOf(t, {});
  const child = spawn(process.execPath, ['scripts/mutate.ts', '--area', 'wire'], {
    env: { ...process.env, TMPDIR: folder },
    stdio: 'ignore',
  });
  t.after(() => child.kill('SIGKILL'));
  // Only the run works inside its copy.
  const inCopy = () => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && runsIn(pid, folder));
  await eventually('the run starts its tests', async () => inCopy().length > 0);
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'exit'), [130, null]);
  await eventually('the tests of the run end', async () => inCopy().length === 0);
  assert.deepEqual(readdirSync(folder), []);
});

/** Is the working directory of this process inside the folder? */
function runsIn(pid: string, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
  } catch {
    // The process has ended meanwhile.
    return false;
  }
}
