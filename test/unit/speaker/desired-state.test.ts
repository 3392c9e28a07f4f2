/** When the desired state of a speaker is read again because of a link. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { link, NodeInABox, VirtualTime } from './node-in-a-box.ts';

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
