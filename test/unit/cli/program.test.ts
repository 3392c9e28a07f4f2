/** The exit status of a command line, by which scripts know what kind of problem there is. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { plain } from '../../../src/cli/output/colors.ts';
import { runProgram } from '../../../src/cli/program.ts';

/** Runs a command line. Returns its output and its exit status. */
async function run(...argv: readonly string[]) {
  const [out, notes]: [string[], string[]] = [[], []];
  const terminal = () => ({
    out: (text: string) => void out.push(text),
    note: (text: string) => void notes.push(text),
    confirm: async () => false,
    colors: plain,
  });
  const exit = await runProgram({ argv, terminal, signal: new AbortController().signal });
  return { exit, out: out.join(''), notes: notes.join('') };
}

/** A kubeconfig for a server of this process that answers every request with this status. Undefined: no server listens there. */
async function kubeconfig(t: TestContext, status: number | undefined): Promise<string> {
  const server = createServer((_, response) => void response.writeHead(status ?? 500).end('{}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  if (status === undefined) await close();
  else t.after(() => server.closeAllConnections());
  if (status !== undefined) t.after(close);
  const folder = mkdtempSync(join(tmpdir(), 'berth-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = {
    clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(join(folder, 'config'), JSON.stringify(config));
  return join(folder, 'config');
}

test('help and version end with status 0', async () => {
  assert.equal((await run('--version')).exit, 0);
  const { exit, out } = await run('--help');
  assert.equal(exit, 0);
  assert.match(out, /^Usage: kubectl-berth /);
});

test('an invalid command line is a usage error, and not a finding', async () => {
  const rows = [['nothing-of-ours'], ['doctor', '--nonsense'], ['doctor', '-o', 'xml'], ['simulate'], ['who-has', 'x']];
  for (const argv of rows) assert.equal((await run(...argv)).exit, 2, argv.join(' '));
});

test('usage errors of every command go to the terminal of the run', async () => {
  for (const argv of [['--nonsense'], ['doctor', '--nonsense'], ['explain'], ['completion', '--nonsense']]) {
    const { exit, out, notes } = await run(...argv);
    assert.deepEqual([exit, out], [2, ''], argv.join(' '));
    assert.match(notes, /^error: .*\n.*\(see --help\)/, argv.join(' '));
  }
});

test('a cluster that gives no answer or refuses one has a status of its own', async (t) => {
  const gone = await run('--kubeconfig', await kubeconfig(t, undefined), 'vips');
  assert.equal(gone.exit, 3);
  assert.match(gone.notes, /^error: the API server http:\/\/127\.0\.0\.1:\d+ cannot be reached: /);
  for (const status of [401, 403, 404, 500]) {
    const { exit, out, notes } = await run('--kubeconfig', await kubeconfig(t, status), 'vips');
    assert.deepEqual([status, exit, out], [status, 3, '']);
    assert.match(notes, /^error: /);
  }
});
