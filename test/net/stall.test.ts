/**
 * After a stall a process does not answer the frames that waited, or any others, until it knows
 * again which VIPs the node holds.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type FrameLab, rawHost, requestFor, type Seen, startFrameLab } from './frame-lab.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';
import {
  addNamespaces,
  createPair,
  deleteNamespaces,
  ip,
  ipBatch,
  linkName,
  nodeMac,
  type Pair,
} from './namespaces.ts';
import { soon } from './soon.ts';

const vip = '10.99.1.1';
const last = '10.99.1.99';

/** A thread that returns after more than 300 ms counts as stalled, and it waits for frames for at most 100 ms. */
const longEnoughMs = 500;
const questions = 20;

let lab: FrameLab;
let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-stall-'));
});
beforeEach(async () => {
  lab = await startFrameLab();
  await lab.answer(vip, last);
  await lab.ask(requestFor(vip), vip);
  // With this answer all earlier answers have come.
  await lab.ask(requestFor(last), last);
  await soon('all requests are answered', () => lab.queued() === 0);
});
afterEach(() => lab?.close());
after(() => rmSync(folder, { recursive: true }));

/** Requests the VIP several times. */
async function askOften(): Promise<void> {
  for (let asked = 0; asked < questions; asked++) await lab.send(requestFor(vip));
}

/** Stops the responder for long enough, and requests the VIP meanwhile. */
async function stall(whileStopped: () => void = () => undefined): Promise<void> {
  await lab.responder.stop();
  await askOften();
  await delay(longEnoughMs);
  whileStopped();
  lab.responder.goOn();
}

const repliesFrom = (address: string) => lab.seen().filter(({ arp }) => arp?.senderIp === address).length;

test('after a stall no frame is answered, waiting or new, before the holder is decided again', async () => {
  const { Answered: before = Number.NaN, Stalled: dropped = Number.NaN } = await lab.counters();
  const gate = join(folder, 'decide');
  await lab.responder.ask({ do: 'onStall', waitsFor: gate }, 'done');
  // This change was decided before the stall, whichever of the two the process notices first.
  await stall(() => lab.responder.tell({ do: 'apply', links: { [linkName]: [vip, last] } }));
  await lab.responder.next('stalled');
  await askOften();
  await soon('the worker has read all requests', () => lab.queued() === 0);
  writeFileSync(gate, '');
  const { Answered: answered, Stalled: stalled } = await lab.responder.next('decided');
  assert.deepEqual([answered, stalled], [before, dropped + 2 * questions]);
  // Then it answers as before.
  await lab.ask(requestFor(vip), vip);
});

test('if the decision after a stall gives the VIP up, no frame for it is answered', async () => {
  await lab.responder.ask({ do: 'onStall', links: { [linkName]: [last] } }, 'done');
  const replies = repliesFrom(vip);
  await stall();
  await lab.responder.next('decided');
  await lab.ask(requestFor(last), last);
  const { more } = await lab.cameBack([requestFor(vip)], () => lab.ask(requestFor(last), last));
  assert.equal(more('NotOurVip'), 1);
  assert.equal(repliesFrom(vip), replies);
});

test('a node whose thread stalls again and again answers as soon as its own decision is made', async () => {
  for (let stalls = 1; stalls <= 5; stalls++) {
    await stall();
    await lab.responder.next('decided');
    await lab.ask(requestFor(vip), vip);
  }
});

test('a node that slept while another node took its VIP wakes up silent, and stays silent', async (t) => {
  const { raw, n1, n2 } = await startSpeakers(t);
  const answers = async () => {
    await raw.sync();
    return raw.seen().filter(isAnswerOfNode).length;
  };
  const ask = () => raw.send(requestFor(vip));
  const counters = () => n1.ask({ do: 'counters' }, 'counters');
  await soon('the node answers', async () => {
    await ask();
    return (await answers()) > 0;
  });
  const { Stalled: dropped = 0 } = await counters();
  await n1.stop();
  await n2.until('the other node takes the VIP', () => lastSaid(n2)?.holder === 'n2');
  const before = await answers();
  for (let asked = 0; asked < questions; asked++) await ask();
  const saidBefore = n1.said.length;
  n1.goOn();
  await n1.next('stalled');
  // Request from the moment that it wakes up until it has heard its peers and knows the holder, and
  // once more after that.
  const knows = () => n1.said.slice(saidBefore).some(({ holder, reason }) => holder === 'n2' && reason === 'NotHolder');
  await soon('the node knows the holder', async () => {
    await ask();
    return knows();
  });
  const { NotOurVip: notOurs = 0 } = await counters();
  await soon('a request is read, and not answered', async () => {
    await ask();
    return Number((await counters()).NotOurVip) > Number(notOurs);
  });
  assert.equal(await answers(), before);
  assert.deepEqual([lastSaid(n1)?.vips, lastSaid(n2)?.vips], [[], [vip]]);
  const stalled = Number((await counters()).Stalled) - Number(dropped);
  assert.ok(stalled >= questions, `${stalled} of ${questions} requests were dropped`);
});

/** The last decision that a speaker has printed. */
function lastSaid({ said }: LineProcess) {
  return said.findLast(({ kind }) => kind === 'holds');
}

/** Three speakers, of which the first one holds the VIP, and a host that receives what the first one sends. */
async function startSpeakers(t: TestContext) {
  const keyFile = join(folder, 'keys');
  writeFileSync(keyFile, Buffer.alloc(32, 7).toString('base64'));
  const pair = createPair();
  t.after(() => pair.close());
  const third = addThird(pair);
  t.after(() => deleteNamespaces([third]));
  const start = (namespace: string, file: string, ...args: readonly string[]) => {
    const process = startLineProcess({ namespace, file, args });
    t.after(() => process.close());
    return process;
  };
  const raw = start(pair.client, './frame-process.ts');
  const speakers = Object.entries({ n1: pair.node, n2: pair.client, n3: third });
  const [n1, n2, n3] = speakers.map(([node, namespace]) =>
    start(namespace, './election-process.ts', node, keyFile, vip),
  );
  assert.ok(n1 && n2 && n3);
  await Promise.all([raw, n1, n2, n3].map((process) => process.next('ready')));
  // All at once: after a while a missing node counts as dead.
  for (const speaker of [n1, n2, n3]) speaker.tell({ do: 'begin' });
  await n1.until('the first node holds the VIP', () => `${lastSaid(n1)?.vips}` === vip);
  await n2.until('the second node knows the holder', () => lastSaid(n2)?.holder === 'n1');
  return { raw: rawHost(raw), n1, n2 };
}

function isAnswerOfNode({ arp }: Seen): boolean {
  return arp?.senderIp === vip && arp.senderMac === nodeMac;
}

/** A node that only the client's side of a pair can reach; gives its namespace. */
function addThird({ client }: Pair): string {
  const name = `${client}3`;
  addNamespaces([name]);
  ip(`-n ${client} link add v1 type veth peer name v1 netns ${name}`);
  ipBatch(client, ['address add 10.98.0.1/24 dev v1', 'link set v1 up']);
  ipBatch(name, ['address add 10.98.0.2/24 dev v1', 'link set v1 up']);
  return name;
}
