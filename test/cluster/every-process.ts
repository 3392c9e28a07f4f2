/**
 * Runs on the client: sends requests to each of the given addresses until its standard input ends, then prints the results as JSON.
 * Each attempt is a new connection.
 */
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Asked } from './every.ts';

const everyMs = 100;
const timeoutMs = 5_000;

const targets: readonly string[] = JSON.parse(process.argv[2] ?? '[]');
const asked = new Map(
  targets.map((target): [string, Asked] => [target, { count: 0, failures: [], broken: [], longestConnectMs: 0 }]),
);
let isOver = false;

/** One attempt; `connectMs` is the time until the kernel at the other end has accepted the connection. */
function attempt(target: string): Promise<{ readonly connectMs: number; readonly failure: string | undefined }> {
  const startedAt = performance.now();
  let connectMs = timeoutMs;
  return new Promise((resolve) => {
    const end = (failure?: string) => resolve({ connectMs, failure });
    const asking = request(`http://${target}/hostname`, { agent: false, timeout: timeoutMs }, (answer) => {
      answer.resume().on('end', () => end(answer.statusCode === 200 ? undefined : `status ${answer.statusCode}`));
      answer.on('error', (error) => end(error.message));
    });
    asking.on('socket', (socket) => socket.on('connect', () => (connectMs = performance.now() - startedAt)));
    asking.on('timeout', () => asking.destroy(new Error('no answer in time')));
    asking.on('error', (error) => end(error.message));
    asking.end();
  });
}

/** Whether the connection ended after it was accepted. A refused connection fails with ECONNREFUSED. */
function isReset(failure: string): boolean {
  return failure === 'read ECONNRESET' || failure === 'socket hang up';
}

async function ask(target: string): Promise<void> {
  const told = asked.get(target);
  while (told && !isOver) {
    const at = new Date().toISOString();
    const { connectMs, failure } = await attempt(target);
    told.count++;
    told.longestConnectMs = Math.max(told.longestConnectMs, connectMs);
    if (failure !== undefined) (isReset(failure) ? told.broken : told.failures).push(`${at} ${failure}`);
    await delay(everyMs);
  }
}

process.stdin.on('close', () => (isOver = true)).resume();
await Promise.all(targets.map(ask));
process.stdout.write(`${JSON.stringify(Object.fromEntries(asked))}\n`);
