/** The messages of a speaker to its peers, made from its knowledge, for tests of its datagrams. */

import {
  type Claim,
  type Heartbeat,
  type Message,
  noClaims,
  type PeerLink,
  type ProbeReport,
  probeOutcomes,
  ruleVersion,
  type SpeakerState,
} from '../../../src/liveness/messages.ts';
import { Outbox } from '../../../src/liveness/outbox.ts';
import { Peers } from '../../../src/liveness/peers.ts';
import { fc } from '../../property.ts';

/** The largest size of a cluster and of its names. */
export interface Bounds {
  /** Characters of a node's name. */
  readonly name: number;
  /** Characters of the name of a node to which a claim moves. With 0, no claim moves. */
  readonly leavingTo: number;
  readonly peers: number;
  readonly claims: number;
  readonly links: number;
  /** Addresses on a link. */
  readonly addresses: number;
  /** Nodes whose packets are blocked on a link. */
  readonly blocked: number;
}

/** The knowledge of a speaker. */
export interface Knowledge {
  readonly self: string;
  readonly peers: readonly { readonly node: string; readonly ageMs: number }[];
  /** The speaker's claims, and how many of them it drops later. */
  readonly claims: readonly Claim[];
  readonly dropped: number;
  readonly links: readonly PeerLink[];
  readonly state: SpeakerState;
  readonly results: ProbeReport['results'];
}

const letters = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789');
/** The name of a node. Every second name has the maximum length. */
const nameOf = (most: number) =>
  fc.oneof(
    fc.string({ unit: letters, minLength: most, maxLength: most }),
    fc.string({ unit: letters, minLength: 1, maxLength: most }),
  );
const mac = fc
  .array(fc.integer({ min: 0, max: 255 }), { minLength: 6, maxLength: 6 })
  .map((bytes) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':'));
const address = fc.oneof(
  fc.tuple(fc.ipV4(), fc.integer({ min: 8, max: 32 })).map(([ip, prefix]) => `${ip}/${prefix}`),
  fc
    .array(fc.integer({ min: 0x1000, max: 0xffff }), { minLength: 8, maxLength: 8 })
    .map((words) => `${words.map((word) => word.toString(16)).join(':')}/64`),
);
const states = fc.constantFrom<SpeakerState>('Listening', 'Serving', 'Restarting', 'Draining');

function claimWith({ leavingTo }: Bounds): fc.Arbitrary<Claim> {
  const facts = { uid: fc.uuid(), term: fc.nat(99_999), isolated: fc.boolean(), leaving: fc.boolean() };
  const plain = fc.record(facts);
  return leavingTo === 0 ? plain : fc.oneof(plain, fc.record({ ...facts, leavingTo: nameOf(leavingTo) }));
}

function linkWith({ addresses, blocked, name }: Bounds): fc.Arbitrary<PeerLink> {
  const facts = {
    // IFNAMSIZ is 16, including the terminating zero (<linux/if.h>).
    name: nameOf(15),
    mac,
    addresses: fc.array(address, { maxLength: addresses, size: 'max' }),
  };
  if (blocked === 0) return fc.record(facts);
  const nodes = fc.array(nameOf(name), { minLength: 1, maxLength: blocked });
  return fc.oneof(fc.record(facts), fc.record({ ...facts, blocked: nodes }));
}

const outcome = fc.record({
  uid: fc.uuid(),
  term: fc.nat(99_999),
  outcome: fc.constantFrom(...probeOutcomes),
  detail: fc.constantFrom('', '65535', 'SourceRanges', '02:00:00:00:00:0f'),
});

/**
 * Any knowledge within the bounds. Many lists have their maximum length, and in some cases every
 * bounded value is at its bound.
 */
export function knowledge(bounds: Bounds): fc.Arbitrary<Knowledge> {
  const many = <T>(one: fc.Arbitrary<T>, most: number) =>
    fc.oneof(fc.array(one, { maxLength: most }), fc.array(one, { minLength: most, maxLength: most, size: 'max' }));
  return fc.record({
    self: nameOf(bounds.name),
    peers: many(fc.record({ node: nameOf(bounds.name), ageMs: fc.nat(1_600) }), bounds.peers),
    claims: many(claimWith(bounds), bounds.claims),
    dropped: fc.nat(bounds.claims),
    links: many(linkWith(bounds), bounds.links),
    state: states,
    results: many(outcome, 40),
  });
}

const incarnation = '0123456789abcdef';

function beatOf(node: string, to: string): Heartbeat {
  return {
    ...{
      kind: 'Heartbeat',
      from: { node, incarnation },
      to: { node: to, incarnation, newest: incarnation },
      sequence: 1,
    },
    ...{ rules: ruleVersion, state: 'Serving', nextMs: 100, ages: { loop: 0, worker: 0 } },
    ...{ links: [], heard: [], total: noClaims, wantsClaims: false },
  };
}

/**
 * All messages of this speaker to a peer: deltas of its claims, a heartbeat, the full list,
 * results.
 */
export function saidBy({ self, peers: known, claims, dropped, links, state, results }: Knowledge): readonly Message[] {
  const peers = new Peers({ node: self, incarnation });
  const voice = new Outbox(peers);
  const now = 100_000;
  for (const { node, ageMs } of known) peers.receive(beatOf(node, self), 'eth0', now - ageMs);
  const to = known.find(({ node }) => node !== self)?.node ?? 'other';
  for (const claim of claims) peers.claims.set(self, claim);
  const told = voice.takeDeltas().map((part) => part(to));
  for (const { uid } of claims.slice(0, dropped)) peers.claims.drop(self, uid);
  const tidings = { now, state, rules: ruleVersion, ages: { loop: 12, worker: 123 }, links, nextMs: 1_234 };
  return [
    ...told,
    voice.heartbeatFor(to, tidings),
    ...voice.takeDeltas().map((part) => part(to)),
    ...voice.fullSync(to),
    ...voice.reportsFor(to, { results, roundMs: 300_000 }),
  ];
}

/** Knowledge in which every bounded value is at its bound. */
export function extremeOf({ name, leavingTo, peers, claims, links, addresses, blocked }: Bounds): Knowledge {
  const named = (length: number, i = 0) => `${i}`.padStart(length, 'n');
  const uid = (i: number) => `ffffffff-ffff-ffff-ffff-${`${i}`.padStart(12, 'f')}`;
  const claim = { term: 99_999, isolated: true, leaving: true, ...(leavingTo > 0 && { leavingTo: named(leavingTo) }) };
  const addressOf = (i: number) => (i % 2 ? `2001:db8${':ffff'.repeat(6)}/64` : '192.168.100.100/24');
  const some = <T>(length: number, one: (i: number) => T) => Array.from({ length }, (_, i) => one(i));
  return {
    ...{ self: named(name), state: 'Restarting', dropped: 0 },
    peers: some(peers, (i) => ({ node: named(name, i + 1), ageMs: 1_499 })),
    claims: some(claims, (i) => ({ uid: uid(i), ...claim })),
    links: some(links, (i) => ({
      ...{ name: named(15, i), mac: '02:00:00:00:00:0f', addresses: some(addresses, addressOf) },
      ...(blocked > 0 && { blocked: some(blocked, (node) => named(name, node)) }),
    })),
    results: some(40, (i) => {
      return { uid: uid(i), term: 99_999, outcome: 'AnsweredByOther', detail: '02:00:00:00:00:0f' };
    }),
  };
}
