/**
 * Distribution `Spread` on a real kernel: the holder passes connections on to the nodes of their
 * slots, and these nodes answer the client directly.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { tcpFlag } from '../../src/wire/tcp.ts';
import { loadPath, nftIn, vips } from './path-lab.ts';
import { segment } from './segments.ts';
import { slotOf } from './slot-hash.ts';
import { soon } from './soon.ts';
import { gained, loadTable, nodesFor, protocols, servedBy } from './spread-asking.ts';
import * as lab from './spread-lab.ts';
import { families, hosts, tableIn } from './spread-lab.ts';

const { client, a, b } = hosts;
/** Each node, and the other one. */
const bothWays = [
  [a, b],
  [b, a],
] as const;
let started: lab.SpreadLab;

before(async () => {
  started = await lab.startSpreadLab();
});
after(() => started?.close());
beforeEach(() => {
  for (const node of [a, b]) lab.resetNode(node);
  lab.heldBy(a);
});

for (const family of families) {
  for (const protocol of protocols) {
    test(`connections are served by the nodes of their slots, which answer the client directly: ${protocol}, ${family}`, async () => {
      const table = lab.tableFor([a, b]);
      loadTable(table);
      const served = { a: 0, b: 0, client: 0 };
      for (const { node, port } of await servedBy(started, { protocol, family, times: 16 })) {
        assert.equal(node, table.slots[slotOf(client[family], port)]?.first, `port ${port}`);
        served[node as keyof typeof served]++;
      }
      // The same ports are used in every run, so this does not depend on luck.
      assert.ok(Math.min(served.a, served.b) > 0, JSON.stringify(served));
    });
  }
}

test('every node passes packets on in the same way, because all nodes have the table', async () => {
  const table = lab.tableFor([a, b]);
  loadTable(table);
  lab.heldBy(b);
  for (const family of families) {
    for (const { node, port } of await servedBy(started, { protocol: 'tcp', family, times: 8 })) {
      assert.equal(node, table.slots[slotOf(client[family], port)]?.first, `${family} port ${port}`);
    }
  }
});

test('a packet that a node has passed on is served by the next node, whatever its table says', async () => {
  for (const [node, other] of bothWays) loadPath(node.name, lab.spreadPath(node, lab.tableFor([other])));
  for (const [holder, other] of bothWays) {
    lab.heldBy(holder);
    for (const family of families) {
      const { onBridge } = await gained(started, async () => {
        assert.deepEqual(await nodesFor(started, { protocol: 'udp', family }), [other.node]);
      });
      assert.equal(
        onBridge[`${tableIn[family]}_vip`],
        2,
        'from the client to the holder, and from there to the other node',
      );
    }
  }
});

test('without the hardware addresses of the nodes a packet that is passed on circles until its hop limit is used up', async () => {
  for (const [node, other] of bothWays) {
    loadPath(node.name, lab.spreadPath(node, lab.tableFor([other]), { peerMacs: [] }));
  }
  const crossings = () => lab.countersOf(started.bridge).ip_vip ?? 0;
  const before = crossings();
  const ends = { source: client.mac, destination: a.mac, from: client.IPv4, to: vips.IPv4 };
  await started.clientEnd.raw(segment(ends, tcpFlag.synchronize));
  await soon('the packet has crossed the bridge twenty times', () => crossings() > before + 20);
});

test('a segment of a connection that no node knows crosses the link at most three times, and is reset', async () => {
  // Each node gives the slot to the other node, and takes the other node for its former owner.
  for (const [node, other] of bothWays) {
    const slots = lab.tableFor([other]).slots.map((slot) => ({ ...slot, second: other.node, former: other.node }));
    loadPath(node.name, lab.spreadPath(node, { ...lab.tableFor([other]), slots }));
  }
  for (const family of families) {
    const at = tableIn[family];
    const ends = { source: client.mac, destination: a.mac, from: client[family], to: vips[family] };
    const { onBridge } = await gained(started, async () => {
      const before = lab.countersOf(client.name)[`${at}_from_a`] ?? 0;
      await started.clientEnd.raw(segment(ends, tcpFlag.acknowledge));
      await soon('A resets the connection', () => (lab.countersOf(client.name)[`${at}_from_a`] ?? 0) > before);
    });
    // From the client to A; by its slot to B; by second chance to A, which gets it for the second time.
    assert.equal(onBridge[`${at}_vip`], 3, family);
  }
});

test('the slot for a sticky port depends on the address of the client only', async () => {
  for (const family of families) {
    for (const node of [a, b]) {
      // All other slots belong to the other node.
      loadTable(lab.tableWith(slotOf(client[family]), node), { sticky: true });
      for (const protocol of protocols) {
        assert.deepEqual(await nodesFor(started, { protocol, family, times: 4 }), [node.node]);
      }
    }
  }
});

test('all fragments of a datagram go to one node, that of the client address', async () => {
  const text = 'x'.repeat(4_000);
  for (const family of families) {
    for (const node of [a, b]) {
      loadTable(lab.tableWith(slotOf(client[family]), node));
      assert.deepEqual(await nodesFor(started, { protocol: 'udp', family, times: 3, text }), [node.node], family);
    }
  }
});

test('the holder serves fragments if the ports of a VIP have different tables', async () => {
  const text = 'x'.repeat(4_000);
  for (const node of [a, b]) {
    const path = lab.spreadPath(node, lab.tableFor([b]));
    const spread = path.spread.map(({ ports: [tcp, udp], ...one }) => {
      const other = { ...lab.tableFor([b]), name: 'other' };
      return { ...one, ports: [tcp, udp && { ...udp, table: other }].filter((port) => port !== undefined) };
    });
    loadPath(node.name, { ...path, spread });
  }
  for (const family of families) {
    assert.deepEqual(await nodesFor(started, { protocol: 'udp', family }), [b.node]);
    assert.deepEqual(await nodesFor(started, { protocol: 'udp', family, text }), [a.node]);
  }
});

test('only the holder serves while the gate is shut', async () => {
  loadTable(lab.tableFor([b]));
  for (const family of families) assert.deepEqual(await nodesFor(started, { protocol: 'tcp', family }), [b.node]);
  nftIn(a.name, 'flush set netdev berth alive\n');
  for (const family of families)
    for (const one of protocols) assert.deepEqual(await nodesFor(started, { protocol: one, family }), [a.node]);
});

test('the holder serves a slot whose node is not a known neighbor', async () => {
  loadPath(a.name, lab.spreadPath(a, lab.tableFor([b]), { neighborFor: () => undefined }));
  for (const family of families) assert.deepEqual(await nodesFor(started, { protocol: 'tcp', family }), [a.node]);
});
