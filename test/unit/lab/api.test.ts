/**
 * The tests' client of the API server: through the relay, over TLS, to a server in this process
 * that records the requests.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, beforeEach, test } from 'node:test';
import { Api, ApiError } from '../../lab/api.ts';
import { createAuthority, createCertificate } from '../../lab/pki.ts';
import { eventually } from '../../lab/poll.ts';

const address = '192.0.2.1';
const folder = mkdtempSync(join(tmpdir(), 'berth-api-'));
const socketPath = join(folder, 'api.sock');
let asked: { readonly call: string; readonly type: string | undefined; readonly body: unknown }[] = [];
/** The server's answers, by method and path. Any other request gets a 404. */
let answers: Record<string, readonly [status: number, body: object]> = {};
let server: Server;
let relay: ChildProcess;
let api: Api;

before(async () => {
  await createAuthority(folder);
  await createCertificate(folder, { file: 'server', commonName: 'server', names: `IP:${address}` });
  await createCertificate(folder, { file: 'admin', commonName: 'admin' });
  const [key, cert, ca] = ['server.key', 'server.crt', 'ca.crt'].map((name) => readFileSync(join(folder, name)));
  server = createServer({ key, cert, ca, requestCert: true, rejectUnauthorized: true }, async (request, response) => {
    const body = await text(request);
    const call = `${request.method} ${request.url}`;
    asked.push({ call, type: request.headers['content-type'], body: body === '' ? undefined : JSON.parse(body) });
    const [status, answer] = answers[call] ?? [404, { kind: 'Status', message: `${call} is not there` }];
    response.writeHead(status).end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const program = new URL('../../lab/relay.ts', import.meta.url).pathname;
  const { port } = server.address() as AddressInfo;
  relay = spawn(process.execPath, [program, socketPath, `${port}`], { stdio: 'inherit' });
  await eventually('the relay listens', () => existsSync(socketPath));
  api = new Api({ socketPath, pki: folder, address });
});
beforeEach(() => {
  asked = [];
  answers = {};
});
after(() => {
  relay.kill('SIGKILL');
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

const calls = () => asked.map(({ call }) => call);
const web = '/api/v1/namespaces/default/services/web';

test('find returns undefined for a missing object, and get throws an error', async () => {
  assert.equal(await api.find('services', 'web'), undefined);
  await assert.rejects(api.get('services', 'web'), (error) => error instanceof ApiError && error.status === 404);
  answers[`GET ${web}`] = [500, { kind: 'Status', message: 'the disk is full' }];
  await assert.rejects(api.find('services', 'web'), /^Error: the disk is full$/);
});

test('selectors choose the objects of a list', async () => {
  const path = '/api/v1/namespaces/a/pods?labelSelector=app%3Dweb&fieldSelector=spec.nodeName%3Dn1';
  answers[`GET ${path}`] = [200, { items: [{ metadata: { name: 'one' } }] }];
  const pods = await api.list('pods', { namespace: 'a', labelSelector: 'app=web', fieldSelector: 'spec.nodeName=n1' });
  assert.deepEqual(
    pods.map(({ metadata }) => metadata.name),
    ['one'],
  );
});

test('each document is applied to the path that discovery reports for its kind, without fields that have no value', async () => {
  const resources = [
    { name: 'services/status', kind: 'Service', namespaced: true },
    { name: 'services', kind: 'Service', namespaced: true },
    { name: 'namespaces', kind: 'Namespace', namespaced: false },
  ];
  const query = 'fieldManager=berth-lab&force=true&fieldValidation=Strict';
  answers = {
    'GET /api/v1': [200, { resources }],
    [`PATCH /api/v1/namespaces/a?${query}`]: [200, {}],
    [`PATCH /api/v1/namespaces/a/services/web?${query}`]: [200, {}],
  };
  const service =
    '{ apiVersion: v1, kind: Service, metadata: { name: web }, spec: { selector: null, ports: [{ port: 80 }] } }';
  await api.apply(`{ apiVersion: v1, kind: Namespace, metadata: { name: a } }\n---\n${service}`, { namespace: 'a' });
  assert.equal(asked.length, 3);
  assert.equal(asked[2]?.type, 'application/apply-patch+yaml');
  assert.deepEqual((asked[2]?.body as { readonly spec: object } | undefined)?.spec, { ports: [{ port: 80 }] });
  await assert.rejects(
    api.apply('{ apiVersion: v1, kind: Other, metadata: { name: a } }'),
    /no matches for kind "Other"/,
  );
});

test('a delete waits until the object is gone', async () => {
  const remove = `DELETE ${web}?propagationPolicy=Background`;
  answers[remove] = [200, { kind: 'Status' }];
  await api.delete('services', 'web');
  assert.deepEqual(calls(), [remove]);
  answers[remove] = [200, { kind: 'Service', metadata: { name: 'web', uid: '1' } }];
  answers[`GET ${web}`] = [200, { kind: 'Service', metadata: { name: 'web', uid: '1' } }];
  const gone = api.delete('services', 'web');
  await eventually('the client looks twice whether the object is gone', () => asked.length >= 4);
  delete answers[`GET ${web}`];
  await gone;
});
