/**
 * Distribution `Spread` on a real kernel: connections go on when the holder changes, and when a
 * node joins or leaves.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { vips } from './path-lab.ts';
import { slotOf } from './slot-hash.ts';
import { gained, loadTable, nextPort, nodesFor } from './spread-asking.ts';
import * as lab from './spread-lab.ts';
import { families, type Host, hosts, tableIn } from './spread-lab.ts';

const { client, a, b } = hosts;
type Family = (typeof families)[number];
let started: lab.SpreadLab;

before(async () => {
  started = await lab.startSpreadLab();
});
after(() => started?.close());
beforeEach(() => {
  for (const node of [a, b]) lab.resetNode(node);
  lab.heldBy(a);
});

/** Opens connections that have carried data; gives them with the slots of their ports. */
async function openConnections(family: Family, count: number): Promise<readonly { name: string; slot: number }[]> {
  const opened: { name: string; slot: number }[] = [];
  for (let i = 0; i < count; i++) {
    const port = nextPort();
    const name = `${family} ${port}`;
    const target = { host: vips[family], port: 80, localPort: port };
    assert.equal((await started.clientEnd.open(name, target)).error, undefined, name);
    opened.push({ name, slot: slotOf(client[family], port) });
  }
  await goOn(family, opened, 'begun');
  return opened;
}

/** Asserts that all connections carry data in both directions, in order. */
async function goOn(family: Family, connections: readonly { name: string }[], word: string): Promise<void> {
  for (const { name } of connections) {
    for (const text of [word, `${word} again`]) {
      const answer = await started.clientEnd.say(name, text);
      assert.equal(answer.text, `${client[family]} ${text}`, `${name}: ${answer.error}`);
    }
  }
}

test('connections go on at their nodes when the holder changes, and no packet is handed on by second chance', async () => {
  loadTable(lab.tableFor([a, b]));
  for (const family of families) {
    lab.heldBy(a);
    const connections = await openConnections(family, 12);
    const { atA, atB } = await gained(started, async () => {
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

test('connections go on by second chance when a node joins the table, and when it leaves', async () => {
  for (const family of families) {
    const at = tableIn[family];
    loadTable(lab.tableFor([a]));
    const early = await openConnections(family, 12);
    const joined = lab.tableFor([a, b]);
    loadTable(joined);
    const isOf = (node: Host) => (one: { slot: number }) => joined.slots[one.slot]?.first === node.node;
    assert.ok(early.some(isOf(a)) && early.some(isOf(b)));
    const join = await gained(started, () => goOn(family, early, 'joined'));
    const moved = early.filter(isOf(b)).length;
    assert.ok((join.atA[`${at}_again`] ?? 0) >= 2 * moved, `${moved}: ${JSON.stringify(join.atA)}`);
    assert.deepEqual([join.atA[`${at}_tcp`], join.atB[`${at}_tcp`], join.atB[`${at}_again`]], [0, 0, 0]);
    const late = await openConnections(family, 12);
    // A is drained: it lives, but gets no new connections, and is not the holder.
    loadTable(lab.tableFor([b], [a]));
    lab.heldBy(b);
    const leave = await gained(started, async () => {
      await goOn(family, [...early, ...late], 'left');
      const [long] = early.filter(isOf(a));
      assert.equal((await started.clientEnd.say(`${long?.name}`, 'send 300000')).text?.length, 299_999);
      assert.deepEqual(await nodesFor(started, { protocol: 'tcp', family }), [b.node]);
    });
    assert.ok((leave.atA[`${at}_again`] ?? 0) >= 2 * (early.length + late.filter(isOf(a)).length));
    assert.equal(leave.atA[`${at}_tcp`], 0);
  }
});

test('a reload of the rules breaks no connection', async () => {
  const table = lab.tableFor([a, b]);
  loadTable(table);
  const connections = await openConnections('IPv4', 6);
  for (let i = 0; i < 5; i++) {
    loadTable(table);
    await goOn('IPv4', connections, `load ${i}`);
  }
});
