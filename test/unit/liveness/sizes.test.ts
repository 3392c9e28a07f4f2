/** Every datagram of a speaker contains what it was made from, and fits a packet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage, encodeMessage } from '../../../src/liveness/codec.ts';
import { HeartbeatFit } from '../../../src/liveness/heartbeat-fit.ts';
import { type Heartbeat, type Message, noClaims, type PeerLink } from '../../../src/liveness/messages.ts';
import { PeerLinks } from '../../../src/liveness/peer-links.ts';
import { fc } from '../../property.ts';
import { seed } from '../../runner/seed.ts';
import { type Bounds, extremeOf, type Knowledge, knowledge, saidBy } from './voices.ts';

/** The size of an Ethernet packet, without the headers of tunnels and IPv6. */
const mostBytes = 1_400;
/** The signature, and the digits by which the sequence number grows in a month. */
const overhead = 32 + 8;

/**
 * The largest cluster for which today's datagrams fit. Node names of clouds have up to 43
 * characters.
 */
const usual: Bounds = { name: 43, leavingTo: 12, peers: 100, claims: 60, links: 2, addresses: 2, blocked: 0 };
/** The longest names that Kubernetes allows (RFC 1123). */
const named: Bounds = { ...usual, name: 253, leavingTo: 253 };
/** A node with more links, which packets of some nodes do not reach. */
const linked: Bounds = { ...usual, links: 4, addresses: 4, blocked: 5 };

const heartbeat: Heartbeat = {
  ...{ kind: 'Heartbeat', from: { node: 'n1', incarnation: '1'.repeat(16) }, sequence: 1 },
  ...{ to: { node: 'n2', incarnation: '2'.repeat(16), newest: '2'.repeat(16) }, rules: 1, state: 'Serving' },
  ...{ nextMs: 100, ages: { loop: 0, worker: 0 }, links: [], heard: [], total: noClaims, wantsClaims: false },
};

function bytesOf(message: Message): number {
  return Buffer.byteLength(encodeMessage(message)) + overhead;
}

/** The content of a message, without undefined fields. */
function plain(message: Message | undefined): unknown {
  return message && JSON.parse(JSON.stringify(message));
}

const kinds = ['Heartbeat', 'Claims', 'ProbeReport'] as const;

/** The largest datagram of each kind. */
function largestOf(known: Knowledge): Readonly<Record<(typeof kinds)[number], number>> {
  const messages = saidBy(known);
  const largest = (kind: string) => Math.max(0, ...messages.filter((one) => one.kind === kind).map(bytesOf));
  return { Heartbeat: largest('Heartbeat'), Claims: largest('Claims'), ProbeReport: largest('ProbeReport') };
}

test('a datagram is decoded to its original content, whatever the speaker knows', () => {
  fc.assert(
    fc.property(fc.oneof(...[usual, named, linked].map(knowledge)), (known) => {
      for (const message of saidBy(known)) {
        assert.deepEqual(plain(decodeMessage(encodeMessage(message))), plain(message));
      }
    }),
    { seed: seed(), numRuns: 40 },
  );
});

test('the deltas contain every change, and the full sync contains every claim', () => {
  fc.assert(
    fc.property(knowledge(usual), (known) => {
      const news = saidBy(known).filter((message) => message.kind === 'Claims');
      const byUid = (a: { uid: string }, b: { uid: string }) => (a.uid < b.uid ? -1 : 1);
      const claims = [...new Map(known.claims.map((claim) => [claim.uid, claim])).values()];
      const gone = new Set(known.claims.slice(0, known.dropped).map(({ uid }) => uid));
      const told = news.filter(({ fullSync }) => fullSync === undefined);
      assert.deepEqual(told.flatMap((one) => one.claims).toSorted(byUid), claims.toSorted(byUid));
      assert.deepEqual(new Set(told.flatMap(({ dropped }) => dropped)), gone);
      const list = news.filter(({ fullSync }) => fullSync !== undefined);
      const kept = claims.filter(({ uid }) => !gone.has(uid));
      assert.deepEqual(list.flatMap((one) => one.claims).toSorted(byUid), kept.toSorted(byUid));
      assert.deepEqual(
        list.map(({ fullSync }) => fullSync?.part),
        list.map((_, part) => part),
      );
      assert.ok(list.every(({ fullSync }) => fullSync?.parts === list.length));
    }),
    { seed: seed(), numRuns: 40 },
  );
});

test('in a usual cluster every datagram fits a packet', () => {
  fc.assert(
    fc.property(knowledge(usual), (known) => {
      for (const [kind, bytes] of Object.entries(largestOf(known))) {
        assert.ok(bytes <= mostBytes, `${kind}: ${bytes} bytes`);
      }
    }),
    { seed: seed(), numRuns: 40, examples: [[extremeOf(usual)]] },
  );
});

test('the usual cluster is as large as possible: its largest datagrams nearly fill a packet', () => {
  const largest = largestOf(extremeOf(usual));
  for (const kind of kinds) assert.ok(largest[kind] > 0.93 * mostBytes, `${kind}: ${largest[kind]} bytes`);
});

test('claims and results fit packets, whatever the names of the nodes are', () => {
  const { Claims, ProbeReport } = largestOf(extremeOf(named));
  assert.ok(Math.max(Claims, ProbeReport) <= mostBytes, `claims of ${Claims} bytes, results of ${ProbeReport}`);
});

test('a heartbeat fits a packet, whatever links, addresses and blocked paths the node has, and whatever nodes are called', () => {
  const many: Bounds = { ...named, links: 24, addresses: 8, blocked: 30 };
  for (const bounds of [linked, named, { ...linked, links: 110, addresses: 1 }, { ...usual, links: 16 }, many]) {
    fc.assert(
      fc.property(knowledge(bounds), (known) => {
        const { Heartbeat } = largestOf(known);
        assert.ok(Heartbeat <= mostBytes, `a heartbeat of ${Heartbeat} bytes`);
      }),
      { seed: seed(), numRuns: 20, examples: [[extremeOf(bounds)]] },
    );
  }
});

/** The links by name, with sorted addresses and blocked nodes. */
function factsOf(links: readonly PeerLink[] | undefined): unknown {
  const facts = links?.map(({ name, mac, addresses, blocked = [] }) => [
    name,
    mac,
    addresses.toSorted(),
    blocked.toSorted(),
  ]);
  return facts?.toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
}

test('a peer learns all links of a node in a few heartbeats, even if some are lost, and goes by the former ones until then', () => {
  for (const bounds of [linked, { ...linked, links: 30 }, { ...named, links: 12, addresses: 6, blocked: 3 }]) {
    fc.assert(
      fc.property(knowledge(bounds), knowledge(bounds), fc.nat(), (first, second, chance) => {
        const [fit, peer] = [new HeartbeatFit(), new PeerLinks()];
        let sequence = 0;
        let former: unknown;
        for (const { links } of [first, second]) {
          const wanted = [...new Map(links.map((one) => [one.name, one])).values()];
          for (let beat = 0; beat < 200; beat++) {
            sequence++;
            const told = fit.fitted({ ...heartbeat, links: wanted, sequence });
            // Every third one is lost, without a rhythm.
            if ((Math.imul(sequence + chance, 0x9e3779b1) >>> 8) % 3 === 0) continue;
            peer.take(decodeMessage(encodeMessage(told)) as Heartbeat);
            const known = factsOf(peer.of('n1'));
            assert.ok(
              [JSON.stringify(factsOf(wanted)), JSON.stringify(former)].includes(JSON.stringify(known)),
              'a part counts',
            );
          }
          assert.deepEqual(factsOf(peer.of('n1')), factsOf(wanted));
          former = factsOf(wanted);
        }
      }),
      { seed: seed(), numRuns: 4, endOnFailure: true },
    );
  }
});
