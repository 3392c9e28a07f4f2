/** The messages between speakers as text, and which of them count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage, encodeMessage } from '../../../src/liveness/codec.ts';
import { digestOf, type Heartbeat, type Message, noClaims } from '../../../src/liveness/messages.ts';
import { Outbox } from '../../../src/liveness/outbox.ts';
import { Peers } from '../../../src/liveness/peers.ts';
import { fc } from '../../property.ts';

const self = { node: 'n1', incarnation: '1'.repeat(16) };
const peer = { node: 'n2', incarnation: '2'.repeat(16) };

function beat(sequence: number, facts: Partial<Heartbeat> = {}): Heartbeat {
  return {
    kind: 'Heartbeat',
    from: peer,
    to: { ...self, newest: self.incarnation },
    sequence,
    rules: 1,
    state: 'Serving',
    nextMs: 100,
    ages: { loop: 0, worker: 0 },
    links: [{ name: 'eth0', mac: '02:00:00:00:00:02', addresses: ['192.0.2.2/24'] }],
    heard: [['n3', 40]],
    total: noClaims,
    wantsClaims: false,
    ...facts,
  };
}

const news: Message = {
  kind: 'Claims',
  from: peer,
  to: { ...self, newest: self.incarnation },
  sequence: 7,
  total: noClaims,
  claims: [
    { uid: 'u', term: 3, isolated: false, leaving: false },
    { uid: 'w', term: 1, isolated: true, leaving: true, leavingTo: 'n3' },
  ],
  dropped: ['v'],
  fullSync: undefined,
};

const results: Message = {
  kind: 'ProbeReport',
  from: peer,
  to: { ...self, newest: self.incarnation },
  sequence: 8,
  total: noClaims,
  roundMs: 30_000,
  results: [
    { uid: 'u', term: 3, outcome: 'Verified', detail: '80' },
    { uid: 'v', term: 1, outcome: 'AnsweredByOther', detail: '02:00:00:00:00:0f' },
    { uid: 'w', term: 1, outcome: 'NotAnswered', detail: '' },
  ],
};

test('a message is the same after encoding and decoding', () => {
  for (const message of [beat(1), news, results]) assert.deepEqual(decodeMessage(encodeMessage(message)), message);
});

test('a text that is no message of this version is dropped', () => {
  const rows = ['', 'x', 'null', '[]', '{}', encodeMessage(beat(1)).replace('"version":1', '"version":2')];
  for (const text of rows) assert.equal(decodeMessage(text), undefined, text);
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(beat(1))), fc.jsonValue(), (field, value) => {
      const broken = { version: 1, ...beat(1), [field]: value };
      decodeMessage(JSON.stringify(broken));
      decodeMessage(JSON.stringify(value));
    }),
  );
});

test('probe results with anything but an outcome and a short detail are dropped', () => {
  const said = JSON.parse(encodeMessage(results));
  const good = ['u', 1, 'Verified', '80'];
  const read = (change: object) => decodeMessage(JSON.stringify({ ...said, ...change }));
  assert.notEqual(read({ results: [good] }), undefined);
  const rows: readonly unknown[] = [
    ...[undefined, 'x', [undefined], [[]], [good.slice(1)], [[...good, 1]], [['u', -1, 'Verified', '80']]],
    ...[
      [['u', 1, 'Odd', '80']],
      [['u', 1, 'Verified', 'x y']],
      [['u', 1, 'Verified', 'x'.repeat(65)]],
      [[1, 1, 'Verified', '']],
    ],
    Array.from({ length: 33 }, () => good),
  ];
  for (const list of rows) assert.equal(read({ results: list }), undefined, JSON.stringify(list));
  for (const roundMs of [undefined, -1, '1', 1.5]) assert.equal(read({ roundMs }), undefined);
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(said)), fc.jsonValue(), (field, value) => {
      read({ [field]: value });
      read({ results: [value] });
      read({ results: [[...good.slice(0, 3), value]] });
    }),
  );
});

test('a message of an unknown kind is dropped: older speakers may get messages of a newer one', () => {
  assert.equal(decodeMessage(JSON.stringify({ version: 1, ...results, kind: 'Later' })), undefined);
});

test('results fit into datagrams of 1,400 bytes', () => {
  const peers = new Peers(self);
  const voice = new Outbox(peers);
  const all = Array.from({ length: 100 }, (_, i) => ({
    ...{ uid: `${i}`.padStart(36, '0'), term: 12_345, detail: '02:00:00:00:00:0f' },
    outcome: 'AnsweredByOther' as const,
  }));
  const parts = voice.reportsFor('n'.repeat(63), { results: all, roundMs: 300_000 });
  assert.deepEqual(
    parts.flatMap((part) => part.results),
    all,
  );
  for (const part of parts) assert.ok(encodeMessage(part).length + 32 <= 1_400, `${encodeMessage(part).length}`);
  assert.equal(new Set(parts.map(({ sequence }) => sequence)).size, parts.length);
  assert.deepEqual(voice.reportsFor('n2', { results: [], roundMs: 1 }), []);
});

test('results of a peer are taken once, and change no claims', () => {
  const peers = new Peers(self);
  assert.equal(peers.receive(results, 'eth0', 0), 'Taken');
  assert.equal(peers.claims.of('n2').size, 0);
  assert.equal(peers.receive(results, 'eth0', 0), 'Replayed');
});

test('the digest of claims does not depend on their order, and differs for other claims', () => {
  const claim = fc.record({
    uid: fc.uuid(),
    term: fc.nat({ max: 1000 }),
    isolated: fc.boolean(),
    leaving: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.uniqueArray(claim, { minLength: 1, selector: ({ uid }) => uid }), (claims) => {
      assert.deepEqual(digestOf(claims), digestOf([...claims].reverse()));
      assert.notDeepEqual(digestOf(claims), digestOf(claims.slice(1)));
    }),
  );
});

test('a datagram counts only if it names our incarnation, and never twice', () => {
  const peers = new Peers(self);
  const elsewhere = { ...self, incarnation: '', newest: '' };
  assert.equal(peers.receive(beat(1, { to: elsewhere }), 'eth0', 0), 'OtherAddressee');
  assert.equal(peers.livenessOf('n2', 0), 'Unknown');
  assert.equal(peers.receive(beat(2), 'eth0', 10), 'Taken');
  assert.equal(peers.livenessOf('n2', 10), 'Alive');
  assert.equal(peers.receive(beat(2), 'eth0', 20), 'Replayed');
  assert.equal(peers.livenessOf('n2', 380), 'Alive');
  assert.equal(peers.livenessOf('n2', 420), 'Dead');
});

test('a new incarnation of a peer counts, and the old one never again', () => {
  const peers = new Peers(self);
  peers.receive(beat(5), 'eth0', 0);
  const again = { ...peer, incarnation: '3'.repeat(16) };
  assert.equal(peers.receive(beat(1, { from: again }), 'eth0', 50), 'Taken');
  assert.notEqual(peers.receive(beat(6), 'eth0', 60), 'Taken');
});

test('a peer with a stuck loop is dead, however regular its heartbeats are', () => {
  const peers = new Peers(self);
  peers.receive(beat(1, { ages: { loop: 0, worker: 6_000 } }), 'eth0', 0);
  assert.equal(peers.livenessOf('n2', 10), 'Dead');
});

test('a node is not dead if a peer that we hear still hears it', () => {
  const peers = new Peers(self);
  const third = { node: 'n3', incarnation: '4'.repeat(16) };
  peers.receive(beat(1, { from: third, heard: [] }), 'eth0', 0);
  peers.receive(beat(1, { heard: [] }), 'eth0', 0);
  peers.receive(beat(2, { heard: [['n3', 50]] }), 'eth0', 450);
  assert.equal(peers.livenessOf('n3', 460), 'Alive');
  peers.receive(beat(3, { heard: [] }), 'eth0', 790);
  assert.equal(peers.livenessOf('n3', 810), 'Dead');
});
