/** The connection to the API server: through proxies, and with certificate authorities that change. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { KubeClient } from '../../src/kube/client.ts';
import { connect } from '../../src/kube/connection.ts';
import { ApiServer } from '../apiserver/server.ts';
import { ApiStore } from '../apiserver/store.ts';

const run = promisify(execFile);

/** A folder for one test. */
async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-connection-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** A proxy that only counts the requests it gets. */
async function openProxy(t: TestContext): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(502).end();
  });
  server.on('connect', (request, socket) => {
    asked.push(request.url ?? '');
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** Sends a request, and waits for at most `mostMs`. */
async function ask(kubeconfig: object, folder: string, mostMs: number): Promise<void> {
  const file = join(folder, 'kubeconfig');
  await writeFile(file, JSON.stringify(kubeconfig));
  const client = new KubeClient(await connect(file));
  try {
    await client.json({ path: '/api/v1/nodes', signal: AbortSignal.timeout(mostMs) });
  } catch {
    // The outcome does not matter here.
  } finally {
    client.close();
  }
}

test('a proxy that the kubeconfig names is used', async (t) => {
  const server = await ApiServer.open();
  t.after(() => server.close());
  const proxy = await openProxy(t);
  await ask(server.kubeconfig({ 'proxy-url': proxy.url }), await folderFor(t), 10_000);
  assert.ok(proxy.asked.length > 0, `no request to the proxy of the kubeconfig (${server.asked.length} went past it)`);
});

test('a proxy that the environment names is used', async (t) => {
  const proxy = await openProxy(t);
  const before = process.env.HTTPS_PROXY;
  process.env.HTTPS_PROXY = proxy.url;
  t.after(() => {
    if (before === undefined) delete process.env.HTTPS_PROXY;
    else process.env.HTTPS_PROXY = before;
  });
  const server = await ApiServer.open();
  t.after(() => server.close());
  // An address that leads nowhere: requests to a local address never go through a proxy.
  await ask(server.kubeconfig({ server: 'https://192.0.2.1:6443' }), await folderFor(t), 500);
  assert.ok(proxy.asked.length > 0, 'no request to the proxy of the environment');
});

test('a request ends in time although the proxy does not answer', async (t) => {
  const proxy = createServer();
  // It accepts the connection, and never opens the tunnel.
  const sockets = new Set<Duplex>();
  proxy.on('connect', (_, socket) => sockets.add(socket));
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const client = new KubeClient({
    ...{ server: new URL('https://192.0.2.1:6443'), proxies: { HTTPS_PROXY: url } },
    credentials: async () => ({ tls: {}, headers: {} }),
  });
  t.after(() => client.close());
  const request = client.json({ path: '/api/v1/nodes', signal: AbortSignal.timeout(200) });
  const outcome = await Promise.race([request.catch((error: Error) => error.name), delay(3_000, 'nothing')]);
  assert.equal(outcome, 'TimeoutError');
});

test('a request through a proxy reaches the API server, which is still verified', async (t) => {
  const folder = await folderFor(t);
  const keys = await makeKeys(folder, 'server');
  const server = await ApiServer.open(new ApiStore(), keys);
  const tunnels: string[] = [];
  const proxy = createServer();
  proxy.on('connect', (request, socket) => {
    tunnels.push(request.url ?? '');
    const [host = '', port] = (request.url ?? '').split(':');
    const onward = connectTcp(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [socket, onward]) end.on('error', () => [socket, onward].map((one) => one.destroy()));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    proxy.close();
  });
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const look = async (cluster: object) => {
    const file = join(folder, 'kubeconfig');
    await writeFile(file, JSON.stringify(server.kubeconfig({ 'proxy-url': url, ...cluster })));
    const client = new KubeClient(await connect(file));
    t.after(() => client.close());
    return client.json<{ kind: string }>({ path: '/api/v1/nodes' });
  };
  const data = Buffer.from(keys.cert).toString('base64');
  assert.equal((await look({ 'certificate-authority-data': data })).kind, 'NodeList');
  assert.deepEqual(tunnels, [server.url.host]);
  const others = Buffer.from((await makeKeys(folder, 'others')).cert).toString('base64');
  await assert.rejects(look({ 'certificate-authority-data': others }), /self-signed|certificate/);
});

test('a kind of proxy that is not supported is named', async (t) => {
  const server = await ApiServer.open();
  t.after(() => server.close());
  const file = join(await folderFor(t), 'kubeconfig');
  await writeFile(file, JSON.stringify(server.kubeconfig({ 'proxy-url': 'socks5://192.0.2.1:1080' })));
  await assert.rejects(connect(file), /proxy-url socks5:\/\/192\.0\.2\.1:1080 is not supported/);
});

/** Makes a certificate for the loopback address that is its own authority. */
async function makeKeys(folder: string, name: string): Promise<{ readonly key: string; readonly cert: string }> {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  await run('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert, ...names]);
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
}

test('an API server whose certificate authority was replaced is trusted again without a restart', async (t) => {
  const folder = await folderFor(t);
  const [before, after] = [await makeKeys(folder, 'before'), await makeKeys(folder, 'after')];
  const server = await ApiServer.open(new ApiStore(), before);
  t.after(() => server.close());
  const authority = join(folder, 'ca.crt');
  await writeFile(authority, before.cert);
  const file = join(folder, 'kubeconfig');
  await writeFile(file, JSON.stringify(server.kubeconfig({ 'certificate-authority': authority })));
  const client = new KubeClient(await connect(file));
  t.after(() => client.close());
  const look = () => client.json({ path: '/api/v1/nodes' });
  await look();
  await writeFile(authority, after.cert);
  server.useKeys(after);
  // The first attempts may only detect the change.
  const attempts = await Promise.allSettled([look(), look()]);
  attempts.push(...(await Promise.allSettled([look()])));
  const last = attempts.at(-1);
  assert.equal(last?.status, 'fulfilled', 'the new authority is not trusted');
});
