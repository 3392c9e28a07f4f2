/**
 * The commands that the chart runs before an upgrade and an uninstallation, also with an API server
 * that sometimes fails.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { replaceCrds } from '../../src/controller/crds.ts';
import { uninstall } from '../../src/speaker/uninstall.ts';
import type { Change } from '../apiserver/history.ts';
import type { ApiObject, Fields } from '../apiserver/objects.ts';
import { ApiServer } from '../apiserver/server.ts';
import { ApiStore } from '../apiserver/store.ts';
import { keptLog, type LogLine } from './running-controller.ts';

const pods = '/api/v1/namespaces/berth-system/pods';
const labels = { 'app.kubernetes.io/component': 'speaker' };
const nodes = ['n1', 'n2', 'n3'];

/** An API server, its kubeconfig, and the folder of that file. */
async function open(t: TestContext, store: ApiStore) {
  const server = await ApiServer.open(store);
  const folder = await mkdtemp(join(tmpdir(), 'berth-hooks-'));
  t.after(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, JSON.stringify(server.kubeconfig()));
  return { server, kubeconfig, folder };
}

/** Makes speakers that obey, and a function that runs the uninstallation and gives its outcome. */
async function prepare(t: TestContext, timeout = 5_000) {
  const write = (name: string, ready: boolean) => {
    const status = { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] };
    const pod = store.request({ path: `${pods}/${name}` }).body as ApiObject;
    store.request({ method: 'PUT', path: `${pods}/${name}/status`, body: { ...pod, status } });
  };
  const onChange = ({ before, after }: Change) => {
    const asked = 'berth.dev/uninstall';
    const isAsked = before?.metadata.annotations?.[asked] === undefined && after?.metadata.annotations?.[asked];
    if (isAsked) setImmediate(write, after?.metadata.name, false);
  };
  const store: ApiStore = new ApiStore({ onChange });
  const start = (nodeName: string) => {
    store.request({ method: 'POST', path: pods, body: { metadata: { name: nodeName, labels }, spec: { nodeName } } });
    write(nodeName, true);
  };
  for (const nodeName of nodes) start(nodeName);
  const { server, kubeconfig } = await open(t, store);
  const lines: LogLine[] = [];
  const peerSelector = 'app.kubernetes.io/component=speaker';
  const options = { kubeconfig, namespace: 'berth-system', peerSelector, timeout };
  const outcome = () =>
    uninstall(options, keptLog(lines), new AbortController().signal).then(
      () => lines.at(-1)?.msg,
      (error: Error) => `it fails: ${error.message}`,
    );
  return { server, outcome, start };
}

test('an uninstallation asks every ready speaker to remove its rules, and waits for it', async (t) => {
  const { server, outcome } = await prepare(t);
  assert.equal(await outcome(), 'all speakers have removed their nftables rules');
  const asked = server.requests({ method: 'PATCH' }).map(({ path }) => path);
  assert.deepEqual(
    asked,
    nodes.map((node) => `${pods}/${node}`),
  );
});

test('an uninstallation goes on when a Pod has just gone', async (t) => {
  const { server, outcome } = await prepare(t);
  const request = server.fault({ method: 'PATCH', path: `${pods}/n2` }, { kind: 'Hold' }, 1);
  const ends = outcome();
  await request.met;
  server.store.request({ method: 'DELETE', path: `${pods}/n2` });
  assert.equal(await request.heal(), 404);
  assert.equal(await ends, 'all speakers have removed their nftables rules');
});

test('an uninstallation goes on when the API server was busy for a moment', async (t) => {
  const { server, outcome } = await prepare(t);
  server.fault({ method: 'PATCH' }, { kind: 'Refuse', status: 429, reason: 'TooManyRequests', retryAfter: 0 }, 1);
  assert.equal(await outcome(), 'all speakers have removed their nftables rules');
});

test('an uninstallation goes on when the API server refuses to change one of the Pods', async (t) => {
  const { server, outcome } = await prepare(t, 1_000);
  server.fault({ method: 'PATCH', path: `${pods}/n1` }, { kind: 'Refuse', status: 403 });
  assert.match((await outcome()) ?? '', /did not remove their nftables rules in time/);
  const asked = server.requests({ method: 'PATCH' }).map(({ path }) => path);
  assert.deepEqual(
    asked,
    nodes.map((node) => `${pods}/${node}`),
  );
});

test('a speaker that starts while the others are asked is asked too', async (t) => {
  const { server, outcome, start } = await prepare(t);
  const second = server.fault({ method: 'PATCH', path: `${pods}/n2` }, { kind: 'Hold' }, 1);
  const ends = outcome();
  await second.met;
  start('n4');
  void second.heal();
  assert.equal(await ends, 'all speakers have removed their nftables rules');
  assert.ok(server.requests({ method: 'PATCH', path: `${pods}/n4` }).length > 0, 'the fourth speaker was not asked');
});

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

test('CRDs are replaced as a whole, also if another client writes to them meanwhile, and their other annotations stay', async (t) => {
  const store = new ApiStore();
  const { server, kubeconfig, folder } = await open(t, store);
  const from = join(folder, 'crds');
  await mkdir(from);
  const wanted = (name: string) => ({ metadata: { name, annotations: { schema: 'new' } }, spec: { new: name } });
  for (const name of ['a.example', 'b.example']) {
    const before = { metadata: { name, annotations: { schema: 'old', theirs: 'x' } }, spec: { old: true } };
    store.request({ method: 'POST', path: definitions, body: before });
    await writeFile(join(from, `${name}.json`), JSON.stringify(wanted(name)));
  }
  const late = server.fault({ method: 'PUT', path: `${definitions}/a.example` }, { kind: 'Hold' }, 1);
  const replacing = replaceCrds({ kubeconfig, from }, keptLog([]), new AbortController().signal);
  await late.met;
  const read = (name: string) => store.request({ path: `${definitions}/${name}` }).body as ApiObject;
  const status = { accepted: true };
  store.request({ method: 'PUT', path: `${definitions}/a.example/status`, body: { ...read('a.example'), status } });
  assert.equal(await late.heal(), 409);
  await replacing;
  for (const name of ['a.example', 'b.example']) {
    const { metadata, spec } = read(name);
    assert.deepEqual([metadata.annotations, spec], [{ schema: 'new', theirs: 'x' }, wanted(name).spec as Fields]);
  }
  assert.deepEqual(read('a.example').status, status);
});

test('CRDs are replaced although the API server drops, refuses and fails requests for a moment', async (t) => {
  const store = new ApiStore();
  const { server, kubeconfig, folder } = await open(t, store);
  const from = join(folder, 'crds');
  await mkdir(from);
  const name = 'a.example';
  store.request({ method: 'POST', path: definitions, body: { metadata: { name }, spec: { old: true } } });
  await writeFile(join(from, 'a.json'), JSON.stringify({ metadata: { name }, spec: { new: true } }));
  server.fault({ method: 'GET' }, { kind: 'Drop' }, 1);
  server.fault({ method: 'PUT' }, { kind: 'Refuse', status: 429, retryAfter: 0 }, 1);
  server.fault({ method: 'PUT' }, { kind: 'Refuse', status: 500 }, 1);
  await replaceCrds({ kubeconfig, from }, keptLog([]), new AbortController().signal);
  assert.deepEqual((store.request({ path: `${definitions}/${name}` }).body as ApiObject).spec, { new: true });
});

test('an upgrade stops when a CRD cannot be replaced', async (t) => {
  const { kubeconfig, folder } = await open(t, new ApiStore());
  const from = join(folder, 'crds');
  await mkdir(from);
  await assert.rejects(replaceCrds({ kubeconfig, from }, keptLog([]), new AbortController().signal), /no CRDs/);
  await writeFile(join(from, 'a.json'), JSON.stringify({ metadata: { name: 'absent.example' }, spec: {} }));
  await assert.rejects(replaceCrds({ kubeconfig, from }, keptLog([]), new AbortController().signal), /not found/);
});
