/** When the desired state of a speaker is read again because of a link. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { entry } from '../fixtures.ts';
import { announcedBy, link, NodeInABox, self, serviceAt, VirtualTime } from './node-in-a-box.ts';

test("a Pod's link that comes or goes makes nothing be decided again", (t) => {
  const time = new VirtualTime(t);
  const uplink = link('eth0');
  const box = new NodeInABox({}, [uplink]);
  t.after(() => box.close());
  let [read, outdated] = [0, 0];
  box.desired.changed.to(() => read++);
  box.desired.outdated.to(() => outdated++);
  const noted = (...links: readonly ReturnType<typeof link>[]) => {
    const before = outdated;
    box.links = links;
    box.desired.noteLinks();
    time.run(50);
    return outdated - before;
  };
  assert.equal(noted(uplink), 1, 'nothing is known yet');
  box.desired.observe();
  const pod = link('cali1', { mac: 'ee:ee:ee:ee:ee:ee', addresses: [{ address: 'fe80::1' as Ip, prefix: 64 }] });
  assert.equal(noted(uplink, pod), 0);
  assert.deepEqual(
    box.linkStatus.map(({ name }) => name),
    ['eth0', 'cali1'],
    'the status has all links',
  );
  assert.equal(noted({ ...uplink, mac: '02:00:00:00:00:09' }, pod), 1, 'a link of the network has changed');
  box.desired.observe();
  assert.equal(noted({ ...uplink, mac: '02:00:00:00:00:09' }), 0);
  assert.equal(read, 2);
});

test('a Pod that starts changes the VIP of its Service only: what depends on no other one is decided again', (t) => {
  const time = new VirtualTime(t);
  const addresses = ['192.0.2.201', '192.0.2.202'] as Ip[];
  const services = addresses.map((address) => serviceAt(address, { local: true }));
  const entries = services.map((to, i) => entry(addresses[i] ?? '', to, announcedBy(self)));
  const sliceOf = (i: number, version: number, ...nodes: readonly string[]) => ({
    ...{ name: `slice-${i}`, uid: `slice-${i}`, resourceVersion: `${version}`, service: services[i]?.key ?? '' },
    endpoints: nodes.map((node) => ({ addresses: ['10.0.0.1' as Ip], node, ready: true })),
  });
  const box = new NodeInABox({ entries, services, slices: [sliceOf(0, 1, self), sliceOf(1, 1, self)] }, [link('eth0')]);
  t.after(() => box.close());
  const { store } = box.informers.endpointSlices;
  const vips = () => {
    box.desired.observe();
    time.run(50);
    return box.desired.view?.vips.vips ?? [];
  };
  const [before, revision] = [vips(), store.answersRevision];
  store.put(sliceOf(0, 2, self, self));
  assert.equal(store.answersRevision, revision, 'a second Pod on the same node');
  store.put(sliceOf(0, 3, self, 'n2'));
  assert.notEqual(store.answersRevision, revision, 'a Pod on another node');
  const after = vips();
  assert.deepEqual(
    after.map((vip, i) => vip === before[i]),
    [false, true],
  );
  assert.deepEqual([...(after[0]?.eligible ?? [])], [self, 'n2']);
});
