/** Distribution `Spread` on a real kernel: the holder passes connections on to the nodes of their slots, which answer the client themselves. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { DataPath } from '../../src/dataplane/path.ts';
import type { SlotTable } from '../../src/dataplane/slots.ts';
import { tcpFlag } from '../../src/wire/tcp.ts';
import { loadPath, nftIn, vips } from './path-lab.ts';
import { segment } from './segments.ts';
import { slotOf } from './slot-hash.ts';
import { soon } from './soon.ts';
import * as lab from './spread-lab.ts';
import { families, type Host, hosts, tableIn } from './spread-lab.ts';

const { client, a, b } = hosts;
const protocols = ['tcp', 'udp'] as const;
type Family = (typeof families)[number];
type Protocol = (typeof protocols)[number];
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

/** All nodes load the same table. */
function loadTable(table: SlotTable, facts: Partial<DataPath> & { readonly sticky?: boolean } = {}): void {
  for (const node of [a, b]) loadPath(node.name, lab.spreadPath(node, table, facts));
}

/** What the counters of both nodes, of the client and of the bridge say more than before. */
async function gained(work: () => Promise<unknown>) {
  const read = () => [a.name, b.name, client.name, started.bridge].map((name) => lab.countersOf(name));
  const before = read();
  await work();
  const [atA = {}, atB = {}, atClient = {}, onBridge = {}] = read().map((now, i) =>
    Object.fromEntries(Object.entries(now).map(([name, packets]) => [name, packets - (before[i]?.[name] ?? 0)])),
  );
  return { atA, atB, atClient, onBridge };
}

let lastPort = 20_000;

/** The client asks some times at once, each time from a port of its own; which node has served each, and that this one alone has answered. */
async function servedBy(
  protocol: Protocol,
  family: Family,
  { times = 1, text = 'hello' } = {},
): Promise<readonly { readonly node: string; readonly port: number }[]> {
  const ports = Array.from({ length: times }, () => ++lastPort);
  const target = { host: vips[family], port: 80, text };
  const answers = await Promise.all(
    ports.map((localPort) => started.clientEnd.ask(protocol, { ...target, localPort })),
  );
  for (const { text: heard, error } of answers) {
    assert.equal(heard, `${client[family]} ${text}`, `${protocol} ${family}: ${error}`);
  }
  const [atA, atB, atClient] = [a, b, client].map(({ name }) => lab.portsIn(name, family));
  const [servedAtA, servedAtB] = [atA, atB].map((node) => node?.[`${protocol}_served`]);
  const answeredBy = (node: Host, port: number) => atClient?.[`${tableIn[family]}_from_${node.node}`]?.has(port);
  return ports.map((port) => {
    const counts = [servedAtA?.get(port) ?? 0, servedAtB?.get(port) ?? 0];
    const [node, other] = counts[0] === 1 ? [a, b] : [b, a];
    assert.deepEqual(counts, node === a ? [1, 0] : [0, 1], 'one node serves it');
    assert.ok(answeredBy(node, port), 'it answers by itself');
    assert.ok(!answeredBy(other, port), 'and nobody else does');
    return { node: node.node, port };
  });
}

/** The nodes that have served so many connections, each of them named once. */
async function nodesFor(...question: Parameters<typeof servedBy>): Promise<readonly string[]> {
  return [...new Set((await servedBy(...question)).map(({ node }) => node))];
}

for (const family of families) {
  for (const protocol of protocols) {
    test(`connections are served by the nodes of their slots, which answer the client themselves: ${protocol}, ${family}`, async () => {
      const table = lab.tableFor([a, b]);
      loadTable(table);
      const served = { a: 0, b: 0, client: 0 };
      for (const { node, port } of await servedBy(protocol, family, { times: 16 })) {
        assert.equal(node, table.slots[slotOf(client[family], port)]?.first, `port ${port}`);
        served[node as keyof typeof served]++;
      }
      // Which ports are used is always the same, so this is no matter of luck.
      assert.ok(Math.min(served.a, served.b) > 0, JSON.stringify(served));
    });
  }
}

test('whoever gets the packets passes them on alike: all nodes have the table', async () => {
  const table = lab.tableFor([a, b]);
  loadTable(table);
  lab.heldBy(b);
  for (const family of families) {
    for (const { node, port } of await servedBy('tcp', family, { times: 8 })) {
      assert.equal(node, table.slots[slotOf(client[family], port)]?.first, `${family} port ${port}`);
    }
  }
});

test('A5 what a node has passed on is served, whatever the other one believes', async () => {
  for (const [node, other] of bothWays) loadPath(node.name, lab.spreadPath(node, lab.tableFor([other])));
  for (const [holder, other] of bothWays) {
    lab.heldBy(holder);
    for (const family of families) {
      const { onBridge } = await gained(async () => {
        assert.deepEqual(await nodesFor('udp', family), [other.node]);
      });
      assert.equal(
        onBridge[`${tableIn[family]}_vip`],
        2,
        'from the client to the holder, and from there to the other one',
      );
    }
  }
});

test('A5 without the hardware addresses of the nodes such a packet circles until its hops end', async () => {
  for (const [node, other] of bothWays) {
    loadPath(node.name, lab.spreadPath(node, lab.tableFor([other]), { peerMacs: [] }));
  }
  const crossings = () => lab.countersOf(started.bridge).ip_vip ?? 0;
  const before = crossings();
  const ends = { source: client.mac, destination: a.mac, from: client.IPv4, to: vips.IPv4 };
  await started.clientEnd.raw(segment(ends, tcpFlag.synchronize));
  await soon('it has crossed the bridge twenty times', () => crossings() > before + 20);
});

test('A5 a segment of a connection that nobody knows crosses three times at most, and is reset', async () => {
  // Each node gives the slot to the other one, and believes that the other one had it before.
  for (const [node, other] of bothWays) {
    const slots = lab.tableFor([other]).slots.map((slot) => ({ ...slot, second: other.node, former: other.node }));
    loadPath(node.name, lab.spreadPath(node, { ...lab.tableFor([other]), slots }));
  }
  for (const family of families) {
    const at = tableIn[family];
    const ends = { source: client.mac, destination: a.mac, from: client[family], to: vips[family] };
    const { onBridge } = await gained(async () => {
      const before = lab.countersOf(client.name)[`${at}_from_a`] ?? 0;
      await started.clientEnd.raw(segment(ends, tcpFlag.acknowledge));
      await soon('A resets it', () => (lab.countersOf(client.name)[`${at}_from_a`] ?? 0) > before);
    });
    // From the client to A; by its slot to B; by second chance to A, which has it for the second time.
    assert.equal(onBridge[`${at}_vip`], 3, family);
  }
});

test('the slot of a sticky port is that of the client, whatever its ports', async () => {
  for (const family of families) {
    for (const node of [a, b]) {
      // All other slots belong to the other node.
      loadTable(lab.tableWith(slotOf(client[family]), node), { sticky: true });
      for (const protocol of protocols) {
        assert.deepEqual(await nodesFor(protocol, family, { times: 4 }), [node.node]);
      }
    }
  }
});

test('D6 a datagram in fragments comes whole to one node, that of the client', async () => {
  const text = 'x'.repeat(4_000);
  for (const family of families) {
    for (const node of [a, b]) {
      loadTable(lab.tableWith(slotOf(client[family]), node));
      assert.deepEqual(await nodesFor('udp', family, { times: 3, text }), [node.node], family);
    }
  }
});

test('D6 where the ports of a VIP have different nodes, the holder serves fragments', async () => {
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
    assert.deepEqual(await nodesFor('udp', family), [b.node]);
    assert.deepEqual(await nodesFor('udp', family, { text }), [a.node]);
  }
});

test('while the gate is shut the holder serves alone', async () => {
  loadTable(lab.tableFor([b]));
  for (const family of families) assert.deepEqual(await nodesFor('tcp', family), [b.node]);
  nftIn(a.name, 'flush set netdev berth alive\n');
  for (const family of families) for (const one of protocols) assert.deepEqual(await nodesFor(one, family), [a.node]);
});

test('a slot whose node is not known here as a neighbour is served by the holder', async () => {
  loadPath(a.name, lab.spreadPath(a, lab.tableFor([b]), { neighbourFor: () => undefined }));
  for (const family of families) assert.deepEqual(await nodesFor('tcp', family), [a.node]);
});

/** Connections that have said something, with the slots of their ports. */
async function openConnections(family: Family, count: number): Promise<readonly { name: string; slot: number }[]> {
  const opened: { name: string; slot: number }[] = [];
  for (let i = 0; i < count; i++) {
    const port = ++lastPort;
    const name = `${family} ${port}`;
    const target = { host: vips[family], port: 80, localPort: port };
    assert.equal((await started.clientEnd.open(name, target)).error, undefined, name);
    opened.push({ name, slot: slotOf(client[family], port) });
  }
  await goOn(family, opened, 'begun');
  return opened;
}

/** Asserts that the bytes of all connections come and go, in order. */
async function goOn(family: Family, connections: readonly { name: string }[], word: string): Promise<void> {
  for (const { name } of connections) {
    for (const text of [word, `${word} again`]) {
      const answer = await started.clientEnd.say(name, text);
      assert.equal(answer.text, `${client[family]} ${text}`, `${name}: ${answer.error}`);
    }
  }
}

test('A9 the holder changes, and connections go on at their nodes: nobody has to hand anything on', async () => {
  loadTable(lab.tableFor([a, b]));
  for (const family of families) {
    lab.heldBy(a);
    const connections = await openConnections(family, 12);
    const { atA, atB } = await gained(async () => {
      lab.heldBy(b);
      await goOn(family, connections, 'moved');
    });
    const at = tableIn[family];
    assert.deepEqual(
      [atA, atB].map((node) => [node[`${at}_tcp`], node[`${at}_again`]]),
      [
        [0, 0],
        [0, 0],
      ],
    );
  }
});

test('A9 a node joins the table, and leaves it: connections go on by second chance', async () => {
  for (const family of families) {
    const at = tableIn[family];
    loadTable(lab.tableFor([a]));
    const early = await openConnections(family, 12);
    const joined = lab.tableFor([a, b]);
    loadTable(joined);
    const isOf = (node: Host) => (one: { slot: number }) => joined.slots[one.slot]?.first === node.node;
    assert.ok(early.some(isOf(a)) && early.some(isOf(b)));
    const join = await gained(() => goOn(family, early, 'joined'));
    const moved = early.filter(isOf(b)).length;
    assert.ok((join.atA[`${at}_again`] ?? 0) >= 2 * moved, `${moved}: ${JSON.stringify(join.atA)}`);
    assert.deepEqual([join.atA[`${at}_tcp`], join.atB[`${at}_tcp`], join.atB[`${at}_again`]], [0, 0, 0]);
    const late = await openConnections(family, 12);
    // A is drained: it lives, but serves nothing new, and holds nothing.
    loadTable(lab.tableFor([b], [a]));
    lab.heldBy(b);
    const leave = await gained(async () => {
      await goOn(family, [...early, ...late], 'left');
      const [long] = early.filter(isOf(a));
      assert.equal((await started.clientEnd.say(`${long?.name}`, 'send 300000')).text?.length, 299_999);
      assert.deepEqual(await nodesFor('tcp', family), [b.node]);
    });
    assert.ok((leave.atA[`${at}_again`] ?? 0) >= 2 * (early.length + late.filter(isOf(a)).length));
    assert.equal(leave.atA[`${at}_tcp`], 0);
  }
});

test('rules that are loaded anew cost no connection', async () => {
  const table = lab.tableFor([a, b]);
  loadTable(table);
  const connections = await openConnections('IPv4', 6);
  for (let i = 0; i < 5; i++) {
    loadTable(table);
    await goOn('IPv4', connections, `load ${i}`);
  }
});
