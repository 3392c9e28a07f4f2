/**
 * Datagrams that no speaker would send: the decoder never throws, and each field of its result has
 * the declared type.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spreadOut } from '../../../src/dataplane/rules/spread.ts';
import { decodeMessage, encodeMessage } from '../../../src/liveness/codec.ts';
import type { Message } from '../../../src/liveness/messages.ts';
import { PeerLinks } from '../../../src/liveness/peer-links.ts';
import { Peers } from '../../../src/liveness/peers.ts';
import { fc } from '../../property.ts';
import { seed } from '../../runner/seed.ts';
import { extremeOf, knowledge, saidBy } from './voices.ts';

const small = { name: 8, leavingTo: 8, peers: 4, claims: 20, links: 2, addresses: 2, blocked: 2 };
const receiver = { node: 'n1', incarnation: '1'.repeat(16) };
const samples: readonly string[] = saidBy(extremeOf(small)).map((message) =>
  encodeMessage({ ...message, to: { ...receiver, newest: receiver.incarnation } }),
);
const sample = fc.constantFrom(...samples);
/** Values that programs often handle wrongly. */
const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(null, -1, 1.5, 2 ** 53, 1e308, '', '__proto__', [], [[]], {}, { length: 3 }, true),
);

const isText = (value: unknown) => typeof value === 'string';
const isWhole = (value: unknown) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isNumber = (value: unknown) => typeof value === 'number' && Number.isFinite(value);
const isYesOrNo = (value: unknown) => typeof value === 'boolean';
const all = (list: readonly unknown[], is: (one: unknown) => boolean) => Array.isArray(list) && list.every(is);

/** Does every field have its declared type? Written from the types, without the decoder. */
function isWellFormed(message: Message): boolean {
  const { from, to, sequence, total } = message;
  const names = [from.node, from.incarnation, to.node, to.incarnation, to.newest];
  if (!all(names, isText) || !all([sequence, total.count, total.sum], isWhole)) return false;
  switch (message.kind) {
    case 'Heartbeat':
      return (
        isWhole(message.rules) &&
        all([message.nextMs, message.ages.loop, message.ages.worker], isNumber) &&
        ['Listening', 'Serving', 'Restarting', 'Draining'].includes(message.state) &&
        isYesOrNo(message.wantsClaims) &&
        message.heard.every(([node, ageMs]) => isText(node) && isNumber(ageMs)) &&
        message.links.every(({ name, mac, addresses, blocked = [] }) =>
          all([name, mac, ...addresses, ...blocked], isText),
        )
      );
    case 'Claims':
      return (
        all(message.dropped, isText) &&
        message.claims.every(
          ({ uid, term, isolated, leaving, leavingTo = '' }) =>
            all([uid, leavingTo], isText) && isWhole(term) && all([isolated, leaving], isYesOrNo),
        ) &&
        (message.fullSync === undefined || all(Object.values(message.fullSync), isWhole))
      );
    default:
      return (
        isWhole(message.roundMs) &&
        message.results.every(({ uid, term, detail }) => all([uid, detail], isText) && isWhole(term))
      );
  }
}

/** A speaker receives the text: it drops it, or processes it without harm. */
function hear(text: string): void {
  const message = decodeMessage(text);
  if (message === undefined) return;
  assert.ok(isWellFormed(message), text);
  const peers = new Peers(receiver);
  peers.receive(message, 'eth0', 1_000);
  peers.review(1_100);
  if (message.kind === 'Heartbeat') new PeerLinks().take(message);
}

/** A copy of a value, with `by` in the place to which the numbers lead. */
function replaced(value: unknown, [index = 0, ...rest]: readonly number[], by: unknown): unknown {
  if (typeof value !== 'object' || value === null) return by;
  const keys = Object.keys(value);
  const key = keys[index % Math.max(1, keys.length)];
  if (key === undefined) return by;
  const at = (value as Record<string, unknown>)[key];
  const copy = Array.isArray(value) ? [...value] : { ...value };
  const next = rest.length === 0 ? by : replaced(at, rest, by);
  return Object.assign(copy, { [key]: next });
}

test('a datagram with any field replaced by any value is dropped, or decoded with correct types', () => {
  const place = fc.array(fc.nat(40), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(sample, place, odd, (text, path, value) =>
      hear(JSON.stringify(replaced(JSON.parse(text), path, value))),
    ),
    { seed: seed(), numRuns: 3_000 },
  );
});

test('a datagram that was cut or changed is dropped, or decoded with correct types', () => {
  const changes = fc.array(fc.tuple(fc.nat(1_400), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(sample, changes, fc.nat(1_400), (text, bytes, length) => {
      const buffer = Buffer.from(text);
      for (const [at, byte] of bytes) buffer[at % buffer.length] = byte;
      hear(buffer.toString());
      hear(buffer.subarray(0, length).toString());
    }),
    { seed: seed(), numRuns: 2_000 },
  );
});

test('no text at all makes the decoder throw', () => {
  const deep = 100_000;
  hear('['.repeat(deep));
  hear(`${'['.repeat(deep)}${']'.repeat(deep)}`);
  hear(`{"version":1,"kind":"Heartbeat","from":${'{"node":'.repeat(1_000)}1${'}'.repeat(1_000)}}`);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.uint8Array().map((bytes) => Buffer.from(bytes).toString()),
      ),
      hear,
    ),
    { seed: seed(), numRuns: 2_000 },
  );
});

test("this speaker's own datagrams are decoded", () => {
  fc.assert(
    fc.property(knowledge(small), (known) => {
      for (const message of saidBy(known)) {
        const read = decodeMessage(encodeMessage(message));
        assert.ok(read !== undefined && isWellFormed(read));
      }
    }),
    { seed: seed(), numRuns: 50 },
  );
});

test('a hardware address from a peer is valid, or is put into no rule', () => {
  const beat = JSON.parse(samples.find((text) => text.includes('"kind":"Heartbeat"')) ?? assert.fail());
  const links = [{ name: 'eth0', mac: '02:00:00:00:00:02 } ; add chain netdev berth evil', addresses: [] }];
  const message = decodeMessage(JSON.stringify({ ...beat, links }));
  const known = new PeerLinks();
  if (message?.kind === 'Heartbeat') known.take(message);
  const peerMacs = (known.of(beat.from.node) ?? []).map(({ mac }) => mac);
  const facts = { self: 'n1', spread: [], spreadLinks: ['eth0'], neighborFor: () => undefined };
  const { collections = {} } = spreadOut({ ...facts, peerMacs: ['02:00:00:00:00:03', ...peerMacs] });
  const elements = [...(collections.peer_macs?.elements.keys() ?? [])];
  assert.ok(elements.includes('02:00:00:00:00:03'));
  const foreign = elements.filter((text) => !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text));
  assert.deepEqual(foreign, [], 'text of a peer in the rules');
});
