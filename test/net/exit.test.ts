/** The life of the responder's process: it starts only with NET_RAW, obeys under load, and ends promptly. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { patiently } from '../lab/poll.ts';
import { type FrameLab, requestFor, startFrameLab } from './frame-lab.ts';
import { env, startLineProcess } from './line-process.ts';
import { createPair, inNamespace } from './namespaces.ts';
import { soon } from './soon.ts';

const vip = '10.99.1.1';

async function startLab(t: TestContext): Promise<FrameLab> {
  const lab = await startFrameLab();
  t.after(() => lab.close());
  await lab.answer(vip);
  return lab;
}

/** Other load on the machine must not count: the best of this many tries decides, and the first good one ends them. */
const tries = 10;

/** Asserts that something takes less than this many milliseconds. */
async function assertTakesLess(limitMs: number, measure: () => Promise<number>): Promise<void> {
  const tookMs: number[] = [];
  while (tookMs.length < tries && !tookMs.some((ms) => ms < limitMs)) tookMs.push(await measure());
  assert.ok(Math.min(...tookMs) < limitMs, `${tookMs.map(Math.round).join(', ')} ms`);
}

/** Makes the process end by `how`, and gives the milliseconds that this took. */
async function endOf({ responder }: FrameLab, how: 'exit' | 'SIGTERM'): Promise<number> {
  const exited = once(responder.child, 'exit', { signal: AbortSignal.timeout(patiently(30_000)) });
  const fromMs = performance.now();
  if (how === 'SIGTERM') responder.child.kill('SIGTERM');
  else responder.tell({ do: 'exit' });
  await exited;
  return performance.now() - fromMs;
}

/** Starts a flood of requests for the VIP. It ends with the lab. */
async function flood(lab: FrameLab): Promise<void> {
  await lab.raw.ask({ flood: Buffer.from(requestFor(vip)).toString('hex') }, 'flooding');
  await soon('the responder answers a flood', async () => ((await lab.counters()).Answered ?? 0) > 10_000);
}

test('process.exit() ends the process in under a second while the worker waits', (t) =>
  assertTakesLess(1_000, async () => endOf(await startLab(t), 'exit')));

for (const [how, what] of [
  ['exit', 'process.exit()'],
  ['SIGTERM', 'SIGTERM without a listener'],
] as const) {
  test(`${what} ends the process in under a second under a flood`, (t) =>
    assertTakesLess(1_000, async () => {
      const lab = await startLab(t);
      await flood(lab);
      const tookMs = await endOf(lab, how);
      // A flood that goes on would disturb the next try.
      lab.close();
      return tookMs;
    }));
}

test('a withdrawal is in effect within 100 ms under a flood', async (t) => {
  const lab = await startLab(t);
  await flood(lab);
  await assertTakesLess(100, async () => {
    await lab.answer(vip);
    const fromMs = performance.now();
    await lab.answer();
    return performance.now() - fromMs;
  });
  const { Answered: answered } = await lab.counters();
  assert.equal((await lab.counters()).Answered, answered);
});

test('close() ends the thread without an error, and its heartbeat stops', async (t) => {
  const lab = await startLab(t);
  const heartbeatAgeMs = async () => (await lab.counters()).heartbeatAgeMs ?? Number.NaN;
  await soon('the heartbeat is young', async () => (await heartbeatAgeMs()) < 300);
  await lab.responder.ask({ do: 'close' }, 'done');
  // A live thread renews its heartbeat ten times a second, and may sometimes be late. This thread has ended.
  await soon('the heartbeat is old', async () => (await heartbeatAgeMs()) > 1_000);
  assert.equal(lab.responder.stderr(), '');
});

test('without NET_RAW the responder exits with one clear error and an exit code', async () => {
  const pair = createPair();
  const prefix = ['setpriv', '--bounding-set', '-net_raw', '--inh-caps', '-net_raw'];
  const responder = startLineProcess({ namespace: pair.node, file: './responder-process.ts', prefix });
  try {
    const exited = once(responder.child, 'exit');
    const failure = await responder.next('failed');
    assert.equal(failure.code, 'EPERM');
    assert.match(String(failure.message), /needs the capability NET_RAW .* add NET_RAW to securityContext/);
    assert.deepEqual((await exited)[0], 1);
    assert.equal(responder.stderr(), '');
  } finally {
    responder.close();
    pair.close();
  }
});

test('a speaker that cannot start logs the reason in one line, and exits', async () => {
  const pair = createPair();
  const folder = mkdtempSync(join(tmpdir(), 'berth-exit-'));
  const kubeconfig = join(folder, 'kubeconfig');
  const nowhere = {
    clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    users: [{ name: 'a', user: {} }],
    'current-context': 'a',
  };
  writeFileSync(kubeconfig, JSON.stringify(nowhere));
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  const words = [process.execPath, main, 'speaker', '--node-name=a', '--health'];
  const rows: readonly (readonly [readonly string[], RegExp])[] = [
    [['127.0.0.1:7931'], /not running in a cluster: set --kubeconfig FILE/],
    [['192.0.2.1:7931', '--kubeconfig', kubeconfig], /cannot serve health on 192\.0\.2\.1:7931/],
  ];
  try {
    await Promise.all(
      rows.map(async ([args, message]) => {
        const child = spawn(...inNamespace(pair.node, ...words, ...args), {
          signal: AbortSignal.timeout(patiently(60_000)),
          killSignal: 'SIGKILL',
          env,
        });
        const [stdout, stderr, [status]] = await Promise.all([
          text(child.stdout),
          text(child.stderr),
          once(child, 'exit'),
        ]);
        assert.equal(status, 1, stdout);
        assert.equal(stderr, '');
        assert.equal(stdout.split('\n').filter((line) => /"level":"error"/.test(line)).length, 1, stdout);
        assert.match(stdout, message);
      }),
    );
  } finally {
    pair.close();
    rmSync(folder, { recursive: true });
  }
});
