/** Other programs that touch Berth's objects, or keep Berth from writing them: only the objects that they touch may suffer. */
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { after, afterEach, before, beforeEach, type TestContext, test } from 'node:test';
import type { KubeObject } from '../lab/api.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { logsOf } from './pod-logs.ts';
import { requestsBetween } from './requests.ts';

const lab = berth.sharedLab();
const tenant = 'tenant';
const finalizers = ['example.com/kept'];
/** An undisturbed Service has its address after 100 ms. The lab's machine may be slow. */
const goodMs = 3_000;

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(`{ apiVersion: v1, kind: Namespace, metadata: { name: ${tenant} } }`);
});
beforeEach(() => lab.apply(berth.poolManifest('main', lab.subnet.vips)));
afterEach(async () => {
  await lab.api.deleteAll('services', { namespace: tenant });
  await berth.cleanUp(lab);
});
after(() => lab.api.delete('namespaces', tenant));

const bad = (count: number) => Array.from({ length: count }, (_, i) => `bad-${i}`);

/** Creates Services of the tenant. */
async function createBad(names: readonly string[]): Promise<void> {
  for (const name of names) await lab.api.apply(berth.serviceManifest(name), { namespace: tenant });
}

/** The addresses of the tenant's Services. */
async function addressesOfBad(): Promise<readonly string[]> {
  const services = await lab.api.list<KubeObject & Status>('services', { namespace: tenant });
  return services.flatMap(({ status }) => status.loadBalancer?.ingress?.map(({ ip }) => ip) ?? []);
}

interface Status {
  readonly status: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string }[] } };
}

/** Creates Services of another namespace, one after the other, and returns how long each waited for its address, in milliseconds. */
async function waitsOfGood(count: number): Promise<readonly number[]> {
  const waits: number[] = [];
  for (let i = 0; i < count; i++) {
    await lab.apply(berth.serviceManifest(`good-${i}`));
    const from = performance.now();
    await berth.addressOf(lab, `good-${i}`);
    waits.push(Math.round(performance.now() - from));
  }
  return waits;
}

/** A webhook for the statuses of the tenant's Services, whose backend is at this address. Without an answer, the write is refused. */
async function installWebhook(t: TestContext, address: string): Promise<void> {
  await lab.apply(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: { name: tenant }
webhooks:
  - name: tenant.example.com
    clientConfig: { url: "https://${address}/" }
    namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ${tenant} } }
    rules: [{ apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [services/status] }]
    failurePolicy: Fail
    timeoutSeconds: 10
    sideEffects: None
    admissionReviewVersions: [v1]
`);
  t.after(() => lab.api.delete('validatingwebhookconfigurations', 'tenant'));
  await createBad(['probe']);
  // The API server learns of the webhook after a moment.
  await eventually('the webhook is asked', () =>
    lab.api.patch('services', 'probe', { namespace: tenant, subresource: 'status', status: {} }).then(
      () => false,
      (error: Error) => error.message.includes('failed calling webhook'),
    ),
  );
}

test('a webhook that refuses the writes of one namespace delays no other one, and its words are at the Services', async (t) => {
  await installWebhook(t, '127.0.0.1:1');
  await createBad(bad(20));
  const waits = await waitsOfGood(5);
  assert.ok(Math.max(...waits) < goodMs, `the others waited for ${waits} ms`);
  const [address = assert.fail()] = [await berth.addressOf(lab, 'good-0')];
  assert.equal((await berth.macsOf(lab, address)).size, 1);
  const told = async () => {
    const events = await lab.api.list<Told>('events', { namespace: tenant });
    return new Set(events.filter(({ reason }) => reason === 'NotWritten').map(({ message }) => message));
  };
  const says = async () => [...(await told())].some((message) => message.includes('tenant.example.com'));
  await eventually('an Event has the words of the API server', says);
  await lab.api.delete('validatingwebhookconfigurations', 'tenant');
  // The next attempts follow the pauses so far.
  const all = async () => (await addressesOfBad()).length >= 20;
  await eventually('the Services of the tenant have addresses', all, { timeoutMs: 60_000 });
});

interface Told extends KubeObject {
  readonly reason: string;
  readonly message: string;
}

test('a webhook that does not answer delays no other namespace', async (t) => {
  // An address that no host has: the API server waits for ten seconds in vain.
  const [unused = ''] = lab.subnet.vips.split('-');
  await lab.controlPlane.exec([
    'ip',
    'neigh',
    'replace',
    unused,
    'lladdr',
    '02:00:00:00:00:01',
    'dev',
    lab.controlPlane.link,
  ]);
  t.after(() => lab.controlPlane.exec(['ip', 'neigh', 'del', unused, 'dev', lab.controlPlane.link]));
  await lab.apply(`
apiVersion: berth.dev/v1beta1
kind: IPAddressPool
metadata: { name: main }
spec: { addresses: ["${lab.subnet.vips}"], exclude: ["${unused}"] }
`);
  await installWebhook(t, unused);
  const since = new Date();
  await createBad(bad(40));
  const waits = await waitsOfGood(8);
  t.diagnostic(`the others waited for ${waits.join(', ')} ms`);
  const [longest = 0, ...others] = waits.toSorted((a, b) => b - a);
  const isSoon = longest < 2 * goodMs && others.every((ms) => ms < goodMs);
  assert.ok(isSoon, `the others waited for ${waits} ms\n${isSoon ? '' : await logsOf(lab, 'controller', since)}`);
});

test('a controller that annotates every new Service, and each again, costs few writes', async (t) => {
  const kubectl = [`${lab.programs}/kubectl`, '--kubeconfig', lab.kubeconfig];
  const watching = lab.controlPlane.spawn([...kubectl, 'get', 'services', '--watch', '--output', 'name'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => watching.kill('SIGKILL'));
  const seen = new Map<string, number>();
  assert.ok(watching.stdout);
  createInterface(watching.stdout).on('line', (line) => {
    const name = line.replace('service/', '');
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    if (!name.startsWith('good-') || count > 10) return;
    const metadata = { annotations: { 'example.com/seen': `${count}` } };
    lab.api.patch('services', name, { metadata }).catch(() => undefined);
  });
  await eventually('the watch is open', () => seen.size > 0);
  const from = new Date();
  const waits = await waitsOfGood(10);
  assert.ok(Math.max(...waits) < goodMs, `the Services waited for ${waits} ms`);
  const requests = await requestsBetween(lab, from, new Date());
  const writes = requests['controller patch services/status'] ?? [];
  t.diagnostic(
    `${writes.length} status writes, ${writes.filter(({ responseStatus }) => responseStatus?.code === 409).length} of them late`,
  );
  assert.ok(writes.length > 10 && writes.length <= 60, `${writes.length} status writes for 10 Services`);
});

/** Adds a finalizer of another program to an object, and deletes it. */
async function deleteSlowly(t: TestContext, resource: Resource, name: string): Promise<() => Promise<void>> {
  await lab.api.patch(resource, name, { metadata: { finalizers } });
  const free = () => lab.api.patch(resource, name, { metadata: { finalizers: null } }).catch(() => undefined);
  t.after(free);
  await lab.api.delete(resource, name, { wait: false });
  return free;
}

type Resource = 'services' | 'ipaddresspools' | 'l2advertisements' | 'ipallocations';

const isGone = (resource: Resource, name: string) => async () => (await lab.api.find(resource, name)) === undefined;

test('a Service that is being deleted shows its address as long as no other one has it', async (t) => {
  await lab.apply(berth.serviceManifest('leaves'));
  const address = await berth.addressOf(lab, 'leaves');
  const free = await deleteSlowly(t, 'services', 'leaves');
  const waits = await waitsOfGood(2);
  assert.ok(Math.max(...waits) < goodMs, `the others waited for ${waits} ms`);
  // kube-proxy serves whatever a status shows.
  const shown = await Promise.all(['leaves', 'good-0', 'good-1'].map((name) => berth.ingressOf(lab, name)));
  assert.equal(shown.filter((one) => one === address).length, 1, `${shown}`);
  await free();
  await eventually('the Service is gone', isGone('services', 'leaves'));
});

test('a pool that is being deleted serves nothing new, and other pools do', async (t) => {
  const [first = ''] = lab.subnet.vips.split('-');
  await lab.apply(berth.poolManifest('main', first));
  await lab.apply(berth.serviceManifest('old'));
  assert.equal(await berth.addressOf(lab, 'old'), first);
  await lab.apply(berth.poolManifest('main', `${first}-${next(first, 9)}`));
  const free = await deleteSlowly(t, 'ipaddresspools', 'main');
  await lab.apply(berth.serviceManifest('waits'));
  await eventually('its reason', async () => (await berth.eventsOf(lab, 'Service', 'waits')).includes('PoolNotActive'));
  await lab.apply(berth.poolManifest('second', next(first, 20)));
  assert.equal(await berth.addressOf(lab, 'waits'), next(first, 20));
  await free();
  await eventually('the pool is gone', isGone('ipaddresspools', 'main'));
  assert.equal(await berth.ingressOf(lab, 'old'), first);
});

/** The address that is so many places after another one. */
function next(address: string, places: number): string {
  return address.replace(/\d+$/, (last) => `${Number(last) + places}`);
}

test('an L2Advertisement and an entry that are being deleted disturb no other address', async (t) => {
  await lab.apply(berth.serviceManifest('old'));
  const address = await berth.addressOf(lab, 'old');
  await berth.macsOf(lab, address);
  const freeAdvertisement = await deleteSlowly(t, 'l2advertisements', 'main');
  const freeEntry = await deleteSlowly(t, 'ipallocations', address);
  const waits = await waitsOfGood(3);
  assert.ok(Math.max(...waits) < goodMs, `the others waited for ${waits} ms`);
  assert.equal(await berth.ingressOf(lab, 'old'), address);
  await freeEntry();
  const isNew = async () => (await lab.api.find('ipallocations', address))?.metadata;
  await eventually('the entry is there again', async () => (await isNew())?.uid !== undefined);
  await freeAdvertisement();
  await eventually('the advertisement is gone', isGone('l2advertisements', 'main'));
});
