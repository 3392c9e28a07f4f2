/** The links of peers, in whatever order their heartbeats arrive. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PeerLinks } from '../../../src/liveness/peer-links.ts';

const eth0 = { name: 'eth0', mac: '02:00:00:00:00:01', addresses: ['10.0.0.1/24', 'fd00::1/64'] };
const mgmt = { name: 'mgmt', mac: '02:00:00:00:00:02', addresses: ['192.168.0.1/24'] };

function beat(sequence: number, links: readonly (typeof eth0)[], incarnation = 'i1') {
  return { from: { node: 'n1', incarnation }, sequence, links };
}

test('the newest heartbeat counts, and a late one does not', () => {
  const peers = new PeerLinks();
  assert.equal(peers.of('n1'), undefined);
  assert.equal(peers.take(beat(5, [eth0, mgmt])), true);
  assert.equal(peers.take(beat(6, [eth0, mgmt])), false);
  // This heartbeat waited in a queue since before the link came back.
  assert.equal(peers.take(beat(4, [eth0])), false);
  assert.deepEqual(peers.of('n1'), [eth0, mgmt]);
  assert.equal(peers.nodeOf(mgmt.mac), 'n1');
  assert.equal(peers.take(beat(7, [eth0])), true);
  assert.equal(peers.nodeOf(mgmt.mac), undefined);
});

test('after a restart a speaker numbers its heartbeats from one again', () => {
  const peers = new PeerLinks();
  peers.take(beat(5_000, [eth0]));
  assert.equal(peers.take(beat(1, [eth0, mgmt], 'i2')), true);
  assert.deepEqual(peers.of('n1'), [eth0, mgmt]);
});

test('a silent peer is also sent heartbeats at the addresses of its former links', () => {
  const peers = new PeerLinks();
  peers.take(beat(1, [eth0, mgmt]));
  peers.take(beat(2, [eth0]));
  peers.take(beat(3, [eth0]));
  assert.deepEqual(peers.addressesOf('n1', false), ['10.0.0.1', 'fd00::1']);
  assert.deepEqual(peers.addressesOf('n1', true), ['10.0.0.1', 'fd00::1', '192.168.0.1']);
  peers.take(beat(4, [mgmt]));
  assert.deepEqual(peers.addressesOf('n1', true), ['192.168.0.1', '10.0.0.1', 'fd00::1']);
  assert.deepEqual(peers.addressesOf('n2', true), []);
});

test('links that are reported again are the same object, so that they need no new evaluation', () => {
  const peers = new PeerLinks();
  peers.take(beat(1, [eth0]));
  const before = peers.of('n1');
  peers.take(beat(2, [{ ...eth0 }]));
  assert.equal(peers.of('n1'), before);
});

test('only a few addresses of former links are kept', () => {
  const peers = new PeerLinks();
  for (let i = 0; i < 100; i++) peers.take(beat(i, [{ ...eth0, addresses: [`10.0.1.${i}/24`] }]));
  const addresses = peers.addressesOf('n1', true);
  assert.equal(addresses.length, 17);
  assert.deepEqual(addresses.slice(0, 2), ['10.0.1.99', '10.0.1.98']);
});

test('a hardware address belongs to the peer that reports it now, and to none after the peer was forgotten', () => {
  const peers = new PeerLinks();
  peers.take(beat(1, [eth0]));
  assert.equal(peers.nodeOf(eth0.mac), 'n1');
  peers.take({ ...beat(1, [mgmt]), from: { node: 'n2', incarnation: 'i1' } });
  assert.equal(peers.nodeOf(mgmt.mac), 'n2');
  peers.forget('n1');
  assert.deepEqual([peers.nodeOf(eth0.mac), peers.nodeOf(mgmt.mac)], [undefined, 'n2']);
});
