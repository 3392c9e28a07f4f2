/**
 * Health: a part that made no progress for too long is named over HTTP, and an idle part is
 * healthy.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { KubeClient } from '../../../src/kube/client.ts';
import { Informer } from '../../../src/kube/informer.ts';
import { type Checks, serveHealth } from '../../../src/runtime/health.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { Loop } from '../../../src/runtime/loop.ts';
import { Watchdog } from '../../../src/runtime/watchdog.ts';
import { eventually } from '../../lab/poll.ts';

const log = createLogger('test', 'silent');
const never = () => new Promise<never>(() => undefined);
let port = 20_000 + (process.pid % 10_000);

/** Serves the checks until the test ends, and returns a function that requests a path. */
async function served(t: TestContext, checks: { readonly live?: Checks; readonly ready?: Checks }) {
  const listen = `127.0.0.1:${port++}`;
  t.after(await serveHealth({ listen, live: {}, ready: {}, ...checks }));
  return async (path: string) => {
    const response = await fetch(`http://${listen}${path}`, { headers: { connection: 'close' } });
    return { status: response.status, text: await response.text() };
  };
}

test('strangers cannot use up the connections of a process by a port of metrics', async (t) => {
  const listen = `127.0.0.1:${port++}`;
  const metrics = { contentType: 'text/plain', text: async () => 'metrics\n' };
  t.after(await serveHealth({ listen, metrics, mostConnections: 3 }));
  const [host, at] = listen.split(':');
  const sockets = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const socket = connect(Number(at), host);
      t.after(() => socket.destroy());
      await once(socket, 'connect');
      return socket.on('error', () => undefined).resume();
    }),
  );
  const open = () => sockets.filter(({ closed }) => !closed).length;
  await eventually('seven are closed', () => open() === 3);
  for (const socket of sockets) socket.destroy();
  const text = async () => (await fetch(`http://${listen}/metrics`)).text().catch(() => '');
  await eventually('the metrics are served again', async () => (await text().catch(() => '')) === 'metrics\n');
});

test('a watchdog reports a fault when its heartbeats stop, and none while it rests', async () => {
  const pulse = new Watchdog(20);
  assert.equal(pulse.fault(), undefined);
  pulse.beat();
  assert.equal(pulse.fault(), undefined);
  await delay(40);
  assert.match(pulse.fault() ?? '', /made no progress for \d+ s/);
  pulse.beat();
  assert.equal(pulse.fault(), undefined);
  await delay(40);
  pulse.rest();
  assert.equal(pulse.fault(), undefined);
});

test('a pass that never ends makes /healthz fail with the name of the loop, but not /readyz', async (t) => {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const stuck = new Loop({ log, resyncMs: 1, stuckMs: 50, pass: never });
  const waiting = new Loop({ log, resyncMs: 1, stuckMs: 50, pass: never });
  const turning = new Loop({ log, resyncMs: 1, stuckMs: 30_000, pass: async () => undefined });
  const ask = await served(t, { live: { stuck: stuck.fault, waiting: waiting.fault, turning: turning.fault } });
  assert.deepEqual(await ask('/healthz'), { status: 200, text: 'ok\n' });
  void stuck.run(stop.signal);
  void turning.run(stop.signal);
  await eventually('/healthz fails', async () => (await ask('/healthz')).status === 503);
  // A loop that does not run, such as that of a controller without the lease, is no fault.
  assert.match((await ask('/healthz')).text, /^stuck: made no progress for \d+ s\n$/);
  assert.equal((await ask('/readyz')).status, 200);
});

test('a watch that neither receives nor requests anything makes /healthz fail; an unreachable API server does not', async (t) => {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const informerOf = (client: KubeClient, stuckMs: number) =>
    new Informer({ client, log, path: '/api/v1/things', parse: () => undefined, onChange: () => undefined, stuckMs });
  // The function that returns the credentials hangs: no request is made, and none fails.
  const hanging = new KubeClient({ server: new URL('http://127.0.0.1:1'), credentials: never });
  const refused = new KubeClient({
    server: new URL('http://127.0.0.1:1'),
    credentials: async () => ({ tls: {}, headers: {} }),
  });
  t.after(() => [hanging, refused].forEach((client) => void client.close()));
  const lost = informerOf(hanging, 100);
  const away = informerOf(refused, 30_000);
  const ask = await served(t, { live: { lost: () => lost.fault(), away: () => away.fault() } });
  void lost.run(stop.signal);
  void away.run(stop.signal);
  await eventually('/healthz fails', async () => (await ask('/healthz')).status === 503);
  assert.match((await ask('/healthz')).text, /^lost: \/api\/v1\/things made no progress for \d+ s\n$/);
});

test('other paths are not found', async (t) => {
  const ask = await served(t, {});
  assert.equal((await ask('/')).status, 404);
  assert.equal((await ask('/metrics')).status, 404);
});
