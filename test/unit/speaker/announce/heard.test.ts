/**
 * How a speaker interprets the frames of other hosts: which host has an address, and which node is
 * alive.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { Link } from '../../../../src/linux/links.ts';
import { advertisement, entry, node, service } from '../../fixtures.ts';
import { announcedBy, link, NodeInABox, type Objects, self, shown, VirtualTime, vip } from '../node-in-a-box.ts';

const stranger = '02:99:00:00:00:01';
const alone = { nodes: [node(self)] };
const eth0 = link('eth0');

/** A node whose speaker knows these objects. */
function boxOf(t: TestContext, objects: Objects, links: readonly Link[] = [eth0]) {
  const time = new VirtualTime(t);
  const box = new NodeInABox(objects, links);
  t.after(() => box.close());
  box.desired.observe();
  return { time, box };
}

/** For one second, a host claims the addresses repeatedly, by frames on a link. */
function claimRepeatedly({ time, box }: ReturnType<typeof boxOf>, addresses: readonly Ip[], on = 'eth0'): void {
  time.run(1_000, () => {
    for (const address of addresses) box.hear(address, stranger, on);
  });
}

test('an address that was never announced is not announced while another host answers for it', (t) => {
  const one = boxOf(t, { ...shown(vip), ...alone });
  one.time.run(50);
  assert.equal(one.box.status()?.reason, 'ProbingFirst');
  claimRepeatedly(one, [vip]);
  assert.equal(one.box.status()?.reason, 'AddressTaken');
  assert.equal(one.box.announces(), false);
});

test('an address that was announced before is announced at once, and a host that claims it is reported', (t) => {
  const one = boxOf(t, { ...shown(vip, announcedBy(self)), ...alone });
  one.time.run(10);
  assert.equal(one.box.announces(), true);
  claimRepeatedly(one, [vip]);
  assert.equal(one.box.announces(), true);
  assert.deepEqual(one.box.status()?.conflict, { kind: 'Contested', mac: stranger });
});

for (const [desc, facts] of [
  ['announced before', announcedBy(self)],
  ['never announced', {}],
] as const) {
  test(`hosts that claim an address in turn are reported as one, and cost no decision for each frame: ${desc}`, (t) => {
    const { time, box } = boxOf(t, { ...shown(vip, facts), ...alone });
    const hosts = ['02:99:00:00:00:01', '02:99:00:00:00:02'];
    const claim = () => hosts.forEach((mac) => void box.hear(vip, mac, 'eth0'));
    time.run(1_000, claim);
    const { conflict } = box.status() ?? {};
    const passes = box.passes;
    time.run(30_000, () => {
      claim();
      assert.deepEqual(box.status()?.conflict, conflict);
    });
    assert.ok(conflict !== undefined);
    assert.ok(box.passes - passes <= 30, `${box.passes - passes} decisions about all VIPs in 30 s`);
  });
}

test('claims to many addresses at once are decided together', (t) => {
  const addresses = Array.from({ length: 200 }, (_, i) => `192.0.2.${i + 2}` as Ip);
  const all = addresses.map((address) => shown(address, announcedBy(self)));
  const objects = { entries: all.flatMap(({ entries }) => entries), services: all.flatMap(({ services }) => services) };
  const { time, box } = boxOf(t, { ...objects, ...alone });
  // The host is known already.
  box.hear(addresses[0] ?? '', stranger, 'eth0');
  time.run(1_000);
  const passes = box.passes;
  let next = 1;
  time.run(500, () => box.hear(addresses[next++] ?? '', stranger, 'eth0'));
  assert.deepEqual(box.status(addresses[90])?.conflict, { kind: 'Contested', mac: stranger });
  assert.ok(box.passes - passes <= 10, `${box.passes - passes} decisions about all VIPs in half a second`);
});

test("a frame on a link other than the VIP's own is no claim to the VIP", (t) => {
  const pod = link('cali1', { mac: 'ee:ee:ee:ee:ee:ee', addresses: [{ address: 'fe80::1' as Ip, prefix: 64 }] });
  const one = boxOf(t, { ...shown(vip), ...alone }, [eth0, pod]);
  one.time.run(50);
  assert.equal(one.box.status()?.reason, 'ProbingFirst');
  claimRepeatedly(one, [vip], 'cali1');
  assert.notEqual(one.box.status()?.reason, 'AddressTaken', 'taken because of a frame of a Pod on its own link');
});

test('a host that answers for four addresses of a pool is not taken for a proxy: none of them is announced', (t) => {
  const gone = service('gone');
  const quarantined = ['192.0.2.201', '192.0.2.202', '192.0.2.203'].map((address) =>
    entry(address, gone, { services: [], reservedUntil: 1, conflict: { mac: stranger } }),
  );
  const { entries, services } = shown(vip);
  const one = boxOf(t, { entries: [...quarantined, ...entries], services, ...alone });
  claimRepeatedly(one, [vip]);
  const reason = one.box.status()?.reason;
  assert.equal(reason, 'AddressTaken', `the other host answers for the fourth address, which is ${reason}`);
});

test('an adopted address that another host answers for is not announced', (t) => {
  const one = boxOf(t, { ...shown(vip, { adopted: true }), ...alone });
  claimRepeatedly(one, [vip]);
  assert.equal(one.box.announces(), false, 'announced although another host answers for it');
});

test('a new address is not announced as long as it cannot be probed', (t) => {
  const { time, box } = boxOf(t, { ...shown(vip, { adopted: true }), ...alone });
  box.canSend = false;
  time.run(3_000);
  assert.equal(box.status()?.reason, 'ProbingFirst');
  box.canSend = true;
  time.run(500);
  assert.equal(box.announces(), true);
});

test('an adopted address is announced while another program still answers for it on a node, and after 300 ms without any answer', (t) => {
  const [adopted, answers] = [shown(vip, { adopted: true }), { ...eth0, mac: '02:00:00:00:00:02' }];
  const objects = { ...adopted, ...alone };
  const one = boxOf(t, objects);
  one.box.macsOfNodes.set(answers.mac, 'n2');
  one.time.run(250, () => one.box.hear(vip, answers.mac, 'eth0'));
  assert.equal(one.box.announces(), false, 'it is probed first');
  one.time.run(200, () => one.box.hear(vip, answers.mac, 'eth0'));
  assert.equal(one.box.announces(), true);
});

test('an address that a link of this node has is not announced, and the node is named, until the link has it no more', (t) => {
  const owner = link('eth1', { mac: '02:00:00:00:00:05', addresses: [{ address: vip, prefix: 24 }] });
  const { time, box } = boxOf(t, { ...shown(vip), ...alone }, [eth0, owner]);
  time.run(3_000, () => assert.equal(box.announces(), false));
  assert.equal(box.status()?.reason, 'AnnouncedByOtherProgram');
  assert.deepEqual(box.status()?.conflict, { kind: 'OtherProgram', mac: owner.mac, node: self });
  box.links = [eth0];
  box.desired.observe();
  time.run(1_000);
  assert.equal(box.status()?.conflict, undefined);
});

for (const [desc, facts] of [
  ['announced before', announcedBy(self)],
  ['adopted', { adopted: true }],
] as const) {
  test(`an address that was ${desc} is announced by a node although its link has it`, (t) => {
    const owner = link('eth0', { addresses: [...eth0.addresses, { address: vip, prefix: 32 }] });
    const { time, box } = boxOf(t, { ...shown(vip, facts), ...alone }, [owner]);
    time.run(500);
    assert.equal(box.announces(), true);
  });
}

test("a node's own frame that arrives on its second link is no claim of another host", (t) => {
  const second = link('eth1', { mac: '02:00:00:00:00:02' });
  const { time, box } = boxOf(t, { ...shown(vip, announcedBy(self)), ...alone }, [eth0, second]);
  time.run(10);
  assert.equal(box.announces(), true);
  box.hear(vip, eth0.mac, 'eth1');
  assert.deepEqual(box.status()?.conflict, undefined);
});

for (const [desc, facts] of [
  ['announced before', announcedBy(self)],
  ['never announced', {}],
] as const) {
  test(`a node does not take itself for another host where it announces a VIP on two links of one segment: ${desc}`, (t) => {
    const second = link('eth1', { mac: '02:00:00:00:00:02' });
    const advertisements = [advertisement({ interfaces: ['eth0', 'eth1'] })];
    const { time, box } = boxOf(t, { ...shown(vip, facts), ...alone, advertisements }, [eth0, second]);
    time.run(3_000, () => {
      box.hear(vip, eth0.mac, 'eth1');
      box.hear(vip, second.mac, 'eth0');
    });
    assert.equal(box.status()?.conflict, undefined);
  });
}

test('a host is not reported before it was asked whether it is a proxy', (t) => {
  const { time, box } = boxOf(t, { ...shown(vip, announcedBy(self)), ...alone });
  time.run(10);
  box.canSend = false;
  box.hear(vip, stranger, 'eth0');
  time.run(2_000);
  assert.equal(box.status()?.conflict, undefined, 'no question was sent');
  box.canSend = true;
  time.run(500);
  assert.deepEqual(box.status()?.conflict, { kind: 'Contested', mac: stranger });
});

for (const [desc, isProxy] of [
  ['a proxy answers for any address', true],
  ['a host answers for it that may be the other node', false],
] as const) {
  test(`a lone node, whose peer was never heard, ${isProxy ? 'takes' : 'does not take'} a new VIP if ${desc}`, (t) => {
    const { time, box } = boxOf(t, shown(vip));
    time.run(20_000, () => {
      box.hear(vip, stranger, 'eth0');
      if (isProxy) box.hear('203.0.113.253', stranger, 'eth0');
    });
    assert.equal(box.runner.decisions[0]?.action.kind, isProxy ? 'Hold' : 'Silent');
  });
}

test('a VIP is not taken over from a node that could not be probed', (t) => {
  // The advertisement names the link. The link has no address, like a VLAN that carries only VIPs.
  const bare = link('vlan5', { addresses: [] });
  const objects = { ...shown(vip, announcedBy('n2')), advertisements: [advertisement({ interfaces: ['vlan5'] })] };
  const { time, box } = boxOf(t, objects, [bare]);
  box.canSend = false;
  // The port of the other node is blocked: the node is not heard, but holds the VIP.
  time.run(5_000);
  assert.equal(box.announces(), false, 'taken over although no probe was sent');
});
