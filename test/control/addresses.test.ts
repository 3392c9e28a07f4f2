/** An address stays with its users, and fields that other writers set on an entry stay there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { usersOf } from './judge.ts';
import { inWorld, paths, type World } from './world.ts';

const soon = { timeoutMs: 10_000, everyMs: 10 };
const home = '198.51.100.11';
const asksHome = { 'berth.dev/loadBalancerIPs': home };
const key = { 'berth.dev/allow-shared-ip': 'k' };
const finalizers = ['example.com/x'];

/** Waits until the controller has decided about a Service. */
async function decided(world: World, name: string): Promise<void> {
  await eventually(`the controller has decided about ${name}`, () => world.condition(name, 'Allocated'), soon);
}

test('an address that a terminating Service still shows goes to no other Service', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a', { finalizers });
    await world.served('a');
    world.must('DELETE', `${paths.ofDefault}/a`);
    world.createService('b');
    await world.served('b');
    assert.deepEqual(world.judge.found, [], 'two Services showed one address at once');
  }));

test('an entry that names a recreated Service is not rewritten to name the deleted one', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a', { annotations: asksHome });
    await world.served('a', home);
    // From now on the controller gets no events about Services. Of another controller's work it
    // sees the ledger only.
    const release = world.server.holdEvents(paths.services);
    world.must('DELETE', `${paths.ofDefault}/a`);
    const { uid } = world.createService('a', { annotations: asksHome }).metadata;
    const { metadata, spec } = world.entry(home) ?? assert.fail('no entry');
    const services = [{ namespace: 'default', name: 'a', uid, ports: [{ protocol: 'TCP', port: 80 }] }];
    const before = world.server.asked.length;
    world.must('PUT', `${paths.allocations}/${home}`, { metadata, spec: { ...(spec as object), services } });
    const isAbout = ({ path }: { path: string }) => path.endsWith('/a') || path.endsWith(home);
    const asked = () => world.server.asked.slice(before).some(isAbout);
    await eventually('a request about it', asked, { timeoutMs: 1_000, everyMs: 10 }).catch(() => undefined);
    const users = usersOf(world.entry(home));
    release();
    assert.deepEqual(users, [uid], 'the entry names a Service that is gone');
  }));

test('labels, annotations, owners and finalizers of other writers stay on an entry', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    const address = await world.served('a');
    const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: '5' };
    const theirs = { labels: { team: 'x' }, annotations: { note: 'y' }, ownerReferences: [owner], finalizers };
    world.must('PATCH', `${paths.allocations}/${address}`, { metadata: theirs });
    world.patchService('a', { spec: { ports: [{ port: 81 }] } });
    const knows = () => JSON.stringify(world.entry(address)?.spec).includes('81');
    await eventually('the entry has the port', knows, soon);
    const { labels, annotations, ownerReferences, finalizers: kept } = world.entry(address)?.metadata ?? {};
    const found = { labels, annotations: { note: annotations?.note }, ownerReferences, finalizers: kept };
    assert.deepEqual(found, theirs, 'fields of other writers are gone from the entry');
  }));

test('annotations of an administrator stay on an entry, and a request to move goes once the address has moved', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a');
    const address = await world.served('a');
    const wishes = { 'berth.dev/move-to': 'n2', 'berth.dev/renumber': 'true' };
    world.must('PATCH', `${paths.allocations}/${address}`, { metadata: { annotations: wishes } });
    world.patchService('a', { spec: { ports: [{ port: 81 }] } });
    const knows = () => JSON.stringify(world.entry(address)?.spec).includes('81');
    await eventually('the entry has the port', knows, soon);
    const annotations = () => world.entry(address)?.metadata.annotations;
    assert.deepEqual(annotations(), wishes);
    const since = '2026-01-01T00:00:00Z';
    const announced = { type: 'Announced', status: 'True', reason: 'Announced', message: 'there' };
    world.tell(address, announced, { node: 'n1', term: 1, since });
    await world.pass();
    assert.deepEqual(annotations(), wishes);
    world.tell(address, announced, { node: 'n2', term: 2, since });
    await eventually('the request to move is gone', () => annotations()?.['berth.dev/move-to'] === undefined, soon);
    assert.deepEqual(annotations(), { 'berth.dev/renumber': 'true' });
  }));

test('the end of a move leaves a reservation as it is', (t) =>
  inWorld(t, async (world) => {
    const services = [{ namespace: 'default', name: 'gone', uid: 'x' }];
    const reservedUntil = '2999-01-01T00:00:00Z';
    const spec = { address: home, pool: 'p', services, reservedUntil };
    const annotations = { 'berth.dev/move-to': 'n1' };
    world.must('POST', paths.allocations, { metadata: { name: home, annotations }, spec });
    const announced = { type: 'Announced', status: 'True', reason: 'Announced', message: 'by n1' };
    world.tell(home, announced, { node: 'n1', term: 1, since: '2026-01-01T00:00:00Z' });
    await world.startLeading();
    await world.pass();
    const kept = (world.entry(home)?.spec as { reservedUntil?: string } | undefined)?.reservedUntil;
    assert.equal(kept, reservedUntil, 'the reservation is gone');
  }));

test('a pool that is being deleted gives no address to a new Service', (t) =>
  inWorld(t, async (world) => {
    world.must('DELETE', `${paths.pools}/p`);
    world.createPool('leaving', ['203.0.113.0/28']);
    world.must('PATCH', `${paths.pools}/leaving`, { metadata: { finalizers } });
    world.must('DELETE', `${paths.pools}/leaving`);
    await world.startLeading();
    world.createService('a');
    await decided(world, 'a');
    assert.deepEqual(world.shown('a'), [], 'a new Service has an address of a pool that is being deleted');
  }));

test('an entry that is being deleted takes no new Service', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a', { annotations: { ...key, ...asksHome } });
    await world.served('a', home);
    world.must('PATCH', `${paths.allocations}/${home}`, { metadata: { finalizers } });
    world.must('DELETE', `${paths.allocations}/${home}`);
    world.createService('b', { annotations: key, spec: { ports: [{ port: 81 }] } });
    await decided(world, 'b');
    assert.notEqual(world.shown('b')[0], home, 'a new Service joined an entry that is being deleted');
  }));

test('an address that another program wrote is replaced once that program was quiet for a minute, not before', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    const overwrite = (name: string, agoMs: number) => {
      const status = { loadBalancer: { ingress: [{ ip: '203.0.113.99' }] } };
      world.clock.aheadMs = -agoMs;
      world.must('PUT', `${paths.ofDefault}/${name}/status`, { ...world.service(name), status });
      world.clock.aheadMs = 0;
    };
    for (const name of ['busy', 'quiet']) world.createService(name);
    for (const name of ['busy', 'quiet']) await world.served(name);
    const [address] = world.shown('quiet');
    overwrite('busy', 1_000);
    overwrite('quiet', 120_000);
    await world.served('quiet', address);
    const reason = () => world.condition('busy', 'Allocated')?.reason;
    await eventually('the condition reports it', () => reason() === 'StatusContested', soon);
    await world.pass();
    assert.deepEqual(world.shown('busy'), ['203.0.113.99']);
    world.judge.forgive(/203\.0\.113\.99/);
  }));

test('an entry that is refused because of one Service holds up no other Service with its address', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    const ports = (port: number) => ({ ports: [{ port, nodePort: 30_000 + port }] });
    world.createService('a', { annotations: key, spec: ports(80) });
    const address = await world.served('a');
    world.createService('b', { annotations: key, spec: ports(81) });
    await world.served('b', address);
    world.server.fault({ method: 'PATCH', body: /"port":82/ }, { kind: 'Refuse', status: 422 });
    world.patchService('b', { spec: ports(82) });
    const handsOff = { metadata: { annotations: { 'berth.dev/hand-off': 'NodePort' } } };
    world.patchService('a', handsOff);
    const modes = (name: string) =>
      JSON.stringify(world.service(name).status)
        .match(/"ipMode":"\w+"/g)
        ?.join();
    await eventually('the status of a follows', () => modes('a') === '"ipMode":"Proxy"', soon);
    world.patchService('b', handsOff);
    await world.pass();
    assert.equal(modes('b'), '"ipMode":"VIP"', 'the status of b waits for its record');
    world.server.heal();
    await eventually('the status of b follows', () => modes('b') === '"ipMode":"Proxy"', {
      timeoutMs: 20_000,
      everyMs: 50,
    });
  }));

test('a Service that goes on showing an address keeps no other one in its entry', (t) =>
  inWorld(t, async (world) => {
    await world.startLeading();
    world.createService('a', { annotations: key, finalizers });
    const address = await world.served('a');
    world.createService('b', { annotations: key, spec: { ports: [{ port: 81 }] } });
    await world.served('b', address);
    world.server.fault({ method: 'PATCH', path: `${paths.ofDefault}/a/status` }, { kind: 'Refuse', status: 403 });
    world.must('DELETE', `${paths.ofDefault}/a`);
    world.must('DELETE', `${paths.ofDefault}/b`);
    const { uid } = world.service('a').metadata;
    await eventually('the entry names a alone', () => usersOf(world.entry(address)).join() === uid, soon);
    world.server.heal();
    await eventually('the address is released', () => world.entry(address) === undefined, {
      timeoutMs: 20_000,
      everyMs: 50,
    });
  }));

test('an address that another program writes in another spelling stays as it is', (t) =>
  inWorld(t, async (world) => {
    world.createPool('six', ['2001:db8::1-2001:db8::9']);
    await world.startLeading();
    world.createService('a', { spec: { ipFamilies: ['IPv6'] } });
    await world.served('a', '2001:db8::1');
    const ingress = [{ ip: '2001:DB8::1', ipMode: 'VIP' }];
    world.must('PATCH', `${paths.ofDefault}/a/status`, { status: { loadBalancer: { ingress } } });
    // The controller has a reason to write the status.
    world.patchService('a', { metadata: { annotations: { 'berth.dev/hand-off': 'unknown' } } });
    await eventually('the condition of the hand-off', () => world.condition('a', 'HandOff'), soon);
    assert.match(JSON.stringify(world.service('a').status), /"ip":"2001:DB8::1"/);
    assert.equal(world.condition('a', 'Allocated')?.reason, 'Allocated');
  }));
