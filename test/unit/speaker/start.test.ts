/** A speaker that is paused while it starts. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../lab/poll.ts';

const main = new URL('../../../src/main.ts', import.meta.url).pathname;
/** The packet worker notices a pause of more than 300 ms. */
const stallMs = 500;
const kubeconfig = {
  ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c', users: [{ name: 'u', user: {} }] },
  // No server listens there.
  clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
  contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
};

/** A speaker in its own network namespace. Its start waits for its snapshot, which is a pipe. */
function startSpeaker(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-start-'));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const snapshot = join(folder, 'snapshot');
  execFileSync('mkfifo', [snapshot]);
  const options = {
    ...{ kubeconfig: file('kubeconfig', JSON.stringify(kubeconfig)), 'node-name': 'n1', snapshot },
    'liveness-key': file('keys', randomBytes(32).toString('base64')),
  };
  const speaker = [process.execPath, main, 'speaker', '--no-nftables'];
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  // The speaker replaces the shell.
  const child = spawn('unshare', ['-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...speaker, ...flags]);
  const exited = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true });
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  return { child, snapshot, exited, output: () => output };
}

/** A writer of the pipe, once a program has opened the pipe for reading. */
function writerOf(pipe: string): number | undefined {
  try {
    return openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') return undefined;
    throw error;
  }
}

/** Whether all threads of the process are stopped. */
function isStopped(pid: number): boolean {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.every((thread) => /\) T/.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')));
}

test('a speaker that is paused for a moment during its start completes the start', async (t) => {
  const { child, snapshot, exited, output } = startSpeaker(t);
  const { pid = 0 } = child;
  const isOver = () => child.exitCode !== null;
  const writer = await eventually('the snapshot is read', () => writerOf(snapshot) ?? isOver(), { everyMs: 10 });
  assert.equal(typeof writer, 'number', output());
  child.kill('SIGSTOP');
  await eventually('the speaker is stopped', () => isStopped(pid), { everyMs: 1 });
  await delay(stallMs);
  child.kill('SIGCONT');
  await eventually('the pause is noticed', () => output().includes('packet worker was paused'), { everyMs: 5 });
  closeSync(Number(writer));
  await eventually('the speaker has read its snapshot', () => isOver() || output().includes('no usable snapshot'), {
    everyMs: 5,
  });
  child.kill('SIGTERM');
  const [code] = await exited;
  assert.equal(code, 0, `the speaker failed: ${output()}`);
});
