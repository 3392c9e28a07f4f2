/**
 * Signed datagrams over a real socket: a forged datagram has no effect and is counted, and dead
 * hosts delay no other host.
 */
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, type TestContext, test } from 'node:test';
import { fc } from '../property.ts';
import { type LineProcess, type Said, startLineProcess } from './line-process.ts';
import { createPair, ip, linkName, type Pair, writeSysctl } from './namespaces.ts';
import { soon } from './soon.ts';

/** Free, because each namespace has its own ports. */
const port = '7932';
const [first, second, stranger] = [randomBytes(32), randomBytes(32), randomBytes(32)];

let pair: Pair;
let folder: string;
let keyFile: string;

before(() => {
  pair = createPair({ hasDad: false });
  ip(`-n ${pair.node} link set lo up`);
  folder = mkdtempSync(join(tmpdir(), 'berth-datagrams-'));
  keyFile = join(folder, 'keys');
});
beforeEach(() => writeKeys(first, second));
after(() => {
  pair?.close();
  if (folder) rmSync(folder, { recursive: true });
});

function writeKeys(...keys: readonly Buffer[]): void {
  writeFileSync(keyFile, keys.map((key) => `${key.toString('base64')}\n`).join(''));
}

/** Starts the datagram fixture in a namespace. */
async function open(t: TestContext, namespace: string): Promise<LineProcess> {
  const opened = startLineProcess({ namespace, file: './datagram-process.ts', args: [port, keyFile] });
  t.after(() => opened.close());
  await opened.next('ready');
  return opened;
}

function signed(key: Buffer, text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([createHmac('sha256', key).update(body).digest(), body]);
}

/** Sends datagrams to a process from another socket, and gives the counters when all have arrived. */
function forge(receiver: LineProcess, ...datagrams: readonly Uint8Array[]): Promise<Said> {
  const hex = datagrams.map((datagram) => Buffer.from(datagram).toString('hex'));
  return receiver.ask({ do: 'forge', datagrams: hex }, 'done');
}

/** The texts that a process has accepted. */
const textsOf = ({ said }: LineProcess) => said.filter(({ kind }) => kind === 'text').map(({ text }) => text);

test('a datagram signed with any of the keys is accepted, and any other one is counted and dropped', async (t) => {
  const receiver = await open(t, pair.node);
  const { received, unsigned } = await forge(receiver, signed(first, 'a'), signed(second, 'b'), signed(stranger, 'c'));
  assert.deepEqual(textsOf(receiver), ['a', 'b']);
  assert.deepEqual([received, unsigned], [2, 1]);
});

test('a changed datagram and a part of a datagram are never accepted', async (t) => {
  const receiver = await open(t, pair.node);
  const good = signed(first, 'a beat');
  const change = fc.record({ at: fc.nat(good.length - 1), by: fc.integer({ min: 1, max: 255 }) });
  const forged = fc
    .sample(change, 200)
    .map(({ at, by }) => Buffer.from(good.map((byte, i) => (i === at ? byte ^ by : byte))));
  const parts = Array.from({ length: good.length }, (_, length) => good.subarray(0, length));
  const wrong = [...forged, ...parts, Buffer.concat([good, Buffer.from('x')])];
  const { received, unsigned } = await forge(receiver, ...wrong, good);
  assert.deepEqual([received, unsigned], [1, wrong.length]);
  assert.deepEqual(textsOf(receiver), ['a beat']);
});

test('a change of the key loses no datagram: the new key is accepted before any node signs with it', async (t) => {
  const receiver = await open(t, pair.node);
  // Like an update of the mounted Secret: another file takes its place.
  writeKeys(second, stranger);
  await soon('the new key is accepted', async () => {
    await forge(receiver, signed(stranger, 'new'));
    return textsOf(receiver).includes('new');
  });
  await forge(receiver, signed(second, 'kept'), signed(first, 'removed'));
  assert.deepEqual(
    textsOf(receiver).filter((text) => text !== 'new'),
    ['kept'],
  );
});

test('hosts that do not answer ARP delay no other host', async (t) => {
  // By default the kernel tries to resolve a neighbor for three seconds; here for longer than the whole test.
  writeSysctl(pair.node, `net/ipv4/neigh/${linkName}/mcast_solicit`, '600');
  const [node, client] = await Promise.all([open(t, pair.node), open(t, pair.client)]);
  const dead = Array.from({ length: 20 }, (_, i) => `10.99.0.${100 + i}`);
  // Far more than the buffer of one socket holds.
  for (let i = 0; i < 60; i++) await node.ask({ do: 'send', text: 'x'.repeat(1_000), to: dead }, 'done');
  await node.ask({ do: 'send', text: 'a beat', to: ['10.99.0.1'] }, 'done');
  assert.equal((await client.next('text')).text, 'a beat');
  const lookedFor = ip(`-n ${pair.node} neigh show dev ${linkName}`).match(/INCOMPLETE/g)?.length;
  assert.equal(lookedFor, dead.length, 'the kernel still tries to resolve all of them');
});
