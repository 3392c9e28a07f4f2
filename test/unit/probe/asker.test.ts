/**
 * The probing process of a host, here on the loopback of this machine, reports the real result of
 * each connection.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { LabHost } from '../../lab/cluster.ts';
import { Asker } from '../../probe/asker.ts';

const here = {
  name: 'here',
  spawn: ([program = '', ...args]: readonly string[]) => spawn(program, args, { stdio: 'pipe' }),
} as unknown as LabHost;
const asker = new Asker(here);
const address = '127.0.0.1';

async function listening(server: ReturnType<typeof createTcpServer>, t: TestContext): Promise<number> {
  t.after(() => server.close());
  server.listen(0, address);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test('each request uses a new connection, and its whole answer is reported', async (t) => {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    sockets.add(request.socket);
    response.statusCode = request.url === '/missing' ? 404 : 200;
    response.end(`${request.url} ${sockets.size}`);
  });
  const port = await listening(server, t);
  const http = (path: string, connections: number) =>
    asker.http({ address, port, path, connections, timeoutMs: 5_000 });
  assert.deepEqual(await http('/a', 3), [
    { status: 200, body: '/a 1' },
    { status: 200, body: '/a 2' },
    { status: 200, body: '/a 3' },
  ]);
  assert.deepEqual(await http('/missing', 1), [{ status: 404, body: '/missing 4' }]);
});

test('a refused, an unanswered and a reset connection are reported differently', async (t) => {
  const silent = createTcpServer(() => {});
  const port = await listening(silent, t);
  const rude = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.resetAndDestroy());
  });
  const rudePort = await listening(rude, t);
  const closed = createTcpServer();
  const closedPort = await listening(closed, t);
  await new Promise((resolve) => closed.close(resolve));
  const ask = { address, path: '/', connections: 1 };
  assert.deepEqual(await asker.http({ ...ask, port: closedPort, timeoutMs: 5_000 }), [{ failed: 'ECONNREFUSED' }]);
  assert.deepEqual(await asker.http({ ...ask, port: rudePort, timeoutMs: 5_000 }), [{ failed: 'ECONNRESET' }]);
  assert.deepEqual(await asker.http({ ...ask, port, timeoutMs: 100 }), [{ failed: 'timeout' }]);
});

test('an answer over UDP is reported, also one to the second datagram, and so is a closed port', async (t) => {
  const server = createSocket('udp4');
  let asked = 0;
  server.on('message', (text, from) => {
    if (++asked > 1) server.send(`${text}!`, from.port, from.address);
  });
  server.bind(0, address);
  await once(server, 'listening');
  const { port } = server.address();
  const udp = () => asker.udp({ address, port, text: 'who', timeoutMs: 5_000 });
  assert.deepEqual(await udp(), { status: 0, body: 'who!' });
  await new Promise<void>((resolve) => server.close(resolve));
  assert.deepEqual(await udp(), { failed: 'ECONNREFUSED' });
  t.diagnostic(`${asked} datagrams`);
});
