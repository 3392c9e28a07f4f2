/** Another host that uses a VIP: before its announcement, and during it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { Conflicts } from '../../../src/announce/conflict-detector.ts';
import type { ConflictState, HeldVip } from '../../../src/announce/watched-vip.ts';

const address = '192.0.2.1' as Ip;
const link = 'eth0';
const first: HeldVip = { uid: 'u', address, isFirst: true, links: [link] };
const known: HeldVip = { ...first, isFirst: false };
const stranger = { address, mac: '02:00:00:00:00:99', link, kind: 'Other' as const, node: undefined };
const peer = { address, mac: '02:00:00:00:00:02', link, kind: 'Other' as const, node: 'n2' };

type Claim = Parameters<Conflicts['heard']>[0];

/** A link on which a host answers probes while `claim` is set. */
class Wire {
  readonly conflicts = new Conflicts();
  readonly asked: number[] = [];
  readonly defended: number[] = [];
  claim: Claim | undefined;
  now = 0;

  /** Lets time pass. Every turn runs at the time that the detector requested. */
  run(ms: number): ConflictState {
    const end = this.now + ms;
    while (true) {
      const { probes, defend, nextAt } = this.conflicts.turn(this.now);
      if (probes.length > 0) this.asked.push(this.now);
      if (defend.length > 0) this.defended.push(this.now);
      if (probes.length > 0 && this.claim) {
        this.conflicts.heard(this.claim, this.now);
        continue;
      }
      if (nextAt === undefined || nextAt > end) break;
      assert.ok(nextAt > this.now, 'the next turn is later');
      this.now = nextAt;
    }
    this.now = end;
    return this.conflicts.stateOf('u');
  }
}

function wireWith(vip: HeldVip, claim?: Claim): Wire {
  const wire = new Wire();
  wire.claim = claim;
  wire.conflicts.observe([vip], 0);
  return wire;
}

test('a VIP that was never announced is probed three times in 300 ms first', () => {
  const wire = wireWith(first);
  assert.equal(wire.run(299).kind, 'Probing');
  assert.equal(wire.run(1).kind, 'Clear');
  assert.deepEqual(wire.asked, [0, 100, 200]);
});

test('a VIP that was announced before does not wait, and is not probed', () => {
  const wire = wireWith(known, stranger);
  assert.equal(wire.run(10_000).kind, 'Clear');
  assert.deepEqual(wire.asked, []);
});

test('a VIP that another host has is not announced, and is probed at growing intervals', () => {
  const wire = wireWith(first, stranger);
  assert.deepEqual(wire.run(1), { kind: 'Taken', mac: stranger.mac });
  assert.equal(wire.run(600_000).kind, 'Taken');
  assert.ok(wire.asked.length < 75, `${wire.asked.length} probes in ten minutes`);
});

test('when the other host has gone, the VIP is announced within a round of probes', () => {
  const wire = wireWith(first, stranger);
  wire.run(60_000);
  wire.claim = undefined;
  assert.equal(wire.run(11_000).kind, 'Clear');
});

test('a kernel of the cluster that answers for a moment delays the VIP, and is not reported', () => {
  const wire = wireWith(first, peer);
  assert.equal(wire.run(1_950).kind, 'Probing');
  wire.claim = undefined;
  assert.equal(wire.run(349).kind, 'Probing');
  assert.equal(wire.run(1).kind, 'Clear');
});

test('an answer from a node of the cluster means another program there, and Berth waits for its end', () => {
  const wire = wireWith(first, peer);
  assert.deepEqual(wire.run(2_000), { kind: 'OtherProgram', mac: peer.mac, node: 'n2' });
  wire.claim = undefined;
  assert.equal(wire.run(11_000).kind, 'Clear');
});

test('a host that claims an announced VIP is answered once in ten seconds, and reported for a minute', () => {
  const wire = wireWith(known);
  for (let second = 0; second < 30; second++) {
    wire.conflicts.heard(stranger, wire.now);
    assert.deepEqual(wire.run(1_000), { kind: 'Contested', mac: stranger.mac, node: undefined });
  }
  assert.deepEqual(wire.defended, [0, 10_000, 20_000, 30_000]);
  assert.equal(wire.run(58_000).kind, 'Contested');
  assert.equal(wire.run(2_000).kind, 'Clear');
});

test('a short claim of another node is corrected once; a longer one is another program, which is not fought', () => {
  const wire = wireWith(known);
  wire.conflicts.heard(peer, wire.now);
  wire.conflicts.heard(peer, wire.now);
  assert.equal(wire.run(1_900).kind, 'Clear');
  assert.deepEqual(wire.defended, [300]);
  wire.run(200);
  for (let second = 0; second < 30; second++) {
    wire.conflicts.heard(peer, wire.now);
    assert.deepEqual(wire.run(1_000), { kind: 'Contested', mac: peer.mac, node: 'n2' });
  }
  assert.deepEqual(wire.defended, [300]);
});

test('a host stays the reported one for ten seconds, although another one claims the VIP too', () => {
  const wire = wireWith(known);
  const other = { ...stranger, mac: '02:00:00:00:00:98' };
  wire.conflicts.heard(stranger, 0);
  for (let second = 0; second < 10; second++) {
    assert.deepEqual(wire.run(1_000), { kind: 'Contested', mac: stranger.mac, node: undefined });
    wire.conflicts.heard(other, wire.now);
  }
  wire.run(3_000);
  wire.conflicts.heard(other, wire.now);
  assert.deepEqual(wire.run(0), { kind: 'Contested', mac: other.mac, node: undefined });
  assert.deepEqual(wire.defended, [0, 10_000], 'the claims of both are answered');
});

test('a host that is no node is reported before a node that claims the VIP for a moment', () => {
  const wire = wireWith(known);
  wire.conflicts.heard(peer, 0);
  wire.conflicts.heard(stranger, 10);
  assert.deepEqual(wire.run(20), { kind: 'Contested', mac: stranger.mac, node: undefined });
  wire.run(5_000);
  wire.conflicts.heard(peer, wire.now);
  wire.run(1_000);
  assert.deepEqual(wire.run(0), { kind: 'Contested', mac: stranger.mac, node: undefined });
  assert.equal(wire.defended.at(-1), 5_320, 'the node is corrected');
});

test('a node with two hardware addresses that goes on claiming a VIP is another program, reported by one of them', () => {
  const wire = wireWith(known);
  const second = { ...peer, mac: '02:00:00:00:01:02' };
  for (let i = 0; i < 30; i++) {
    wire.conflicts.heard(i % 2 === 0 ? peer : second, wire.now);
    wire.run(100);
  }
  assert.deepEqual(wire.run(0), { kind: 'Contested', mac: peer.mac, node: 'n2' });
});

test('a node that claims a VIP for a moment is corrected each time, however long ago it did so before', () => {
  const wire = wireWith(known);
  for (const at of [0, 60_000, 120_000]) {
    wire.run(at - wire.now);
    wire.conflicts.heard(peer, wire.now);
    assert.equal(wire.run(1_000).kind, 'Clear');
  }
  assert.deepEqual(wire.defended, [300, 60_300, 120_300]);
});

test('a claim on a link on which the VIP is not held is no claim, before its announcement and during it', () => {
  for (const vip of [first, known]) {
    const wire = wireWith(vip, { ...stranger, link: 'cali1' });
    for (let i = 0; i < 20; i++) {
      wire.conflicts.heard({ ...stranger, link: 'cali1' }, wire.now);
      wire.run(100);
    }
    assert.deepEqual(wire.run(0), { kind: 'Clear' });
  }
});

test('a VIP that another node has taken over is not defended', () => {
  const wire = wireWith(known);
  wire.conflicts.heard(peer, wire.now);
  wire.run(100);
  wire.conflicts.observe([], wire.now);
  wire.run(5_000);
  assert.deepEqual(wire.defended, []);
});

test('the claims of a proxy are ignored, before the announcement and during it', () => {
  const proxy = { ...stranger, kind: 'Proxy' as const };
  assert.deepEqual(wireWith(first, proxy).run(301), { kind: 'Clear', proxy: stranger.mac });
  const wire = wireWith(known);
  wire.conflicts.heard(proxy, 0);
  assert.equal(wire.run(1_000).kind, 'Clear');
  assert.equal(wireWith(first, { ...proxy, kind: 'Other' }).run(301).kind, 'Taken');
});

test('a VIP waits until it is known whether the host that answers is a proxy', () => {
  for (const [kind, expected] of [
    ['Other', 'Taken'],
    ['Proxy', 'Clear'],
  ] as const) {
    const wire = wireWith(first, { ...stranger, kind: 'Unknown' });
    assert.equal(wire.run(5_000).kind, 'Probing');
    wire.claim = { ...stranger, kind };
    wire.conflicts.settle(() => kind, wire.now);
    assert.equal(wire.run(400).kind, expected);
  }
});

test('a single claim to an announced VIP is reported once its host is known, and never if that is a proxy', () => {
  for (const [kind, expected] of [
    ['Other', 'Contested'],
    ['Proxy', 'Clear'],
  ] as const) {
    const wire = wireWith(known);
    wire.conflicts.heard({ ...stranger, kind: 'Unknown' }, wire.now);
    assert.equal(wire.run(300).kind, 'Clear');
    wire.conflicts.settle(() => kind, wire.now);
    assert.equal(wire.run(10).kind, expected);
  }
});

test('a VIP that is no longer held is forgotten, and probed again when it comes back', () => {
  const wire = wireWith(first, stranger);
  wire.run(1_000);
  wire.conflicts.observe([], wire.now);
  assert.equal(wire.run(1_000).kind, 'Clear');
  wire.conflicts.observe([first], wire.now);
  assert.equal(wire.conflicts.stateOf('u').kind, 'Probing');
});

test('thousands of VIPs are probed at no more than 500 a second, and each gets its result', () => {
  const conflicts = new Conflicts();
  const vips = Array.from({ length: 2_000 }, (_, i) => ({
    uid: `${i}`,
    address: `a${i}` as Ip,
    isFirst: true,
    links: [link],
  }));
  conflicts.observe(vips, 0);
  const perSecond = new Map<number, number>();
  let now = 0;
  for (let turns = 0; turns < 10_000; turns++) {
    const { probes, nextAt } = conflicts.turn(now);
    const second = Math.floor(now / 1000);
    perSecond.set(second, (perSecond.get(second) ?? 0) + probes.length);
    if (nextAt === undefined) break;
    now = nextAt;
  }
  assert.ok(vips.every(({ uid }) => conflicts.stateOf(uid).kind === 'Clear'));
  assert.ok(Math.max(...perSecond.values()) <= 500, `${Math.max(...perSecond.values())} in a second`);
  assert.ok(now < 15_000, `took ${now} ms`);
});
