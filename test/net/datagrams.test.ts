/** Signed datagrams over a real socket: what is forged has no effect and is counted, and hosts that are dead keep nobody waiting. */
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

/** Of a namespace, so it is nobody else's. */
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

/** Opens the datagrams in a namespace. */
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

/** Sends datagrams to a process as somebody else would; when all have come it gives the counters. */
function forge(receiver: LineProcess, ...datagrams: readonly Uint8Array[]): Promise<Said> {
  const hex = datagrams.map((datagram) => Buffer.from(datagram).toString('hex'));
  return receiver.ask({ do: 'forge', datagrams: hex }, 'done');
}

/** The texts that a process has taken. */
const textsOf = ({ said }: LineProcess) => said.filter(({ kind }) => kind === 'text').map(({ text }) => text);

test('a datagram that any of the keys signed is taken, any other one is counted and dropped', async (t) => {
  const receiver = await open(t, pair.node);
  const { received, unsigned } = await forge(receiver, signed(first, 'a'), signed(second, 'b'), signed(stranger, 'c'));
  assert.deepEqual(textsOf(receiver), ['a', 'b']);
  assert.deepEqual([received, unsigned], [2, 1]);
});

test('no change to a datagram, and no part of it, is taken', async (t) => {
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

test('a key is changed without a silent moment: the new one is accepted before any node signs with it', async (t) => {
  const receiver = await open(t, pair.node);
  // As the mounted Secret changes: by another file in its place.
  writeKeys(second, stranger);
  await soon('the new key counts', async () => {
    await forge(receiver, signed(stranger, 'new'));
    return textsOf(receiver).includes('new');
  });
  await forge(receiver, signed(second, 'kept'), signed(first, 'removed'));
  assert.deepEqual(
    textsOf(receiver).filter((text) => text !== 'new'),
    ['kept'],
  );
});

test('hosts that answer no ARP keep nobody else waiting', async (t) => {
  // Usually the kernel looks for a neighbor for three seconds; here for longer than anybody waits in this test.
  writeSysctl(pair.node, `net/ipv4/neigh/${linkName}/mcast_solicit`, '600');
  const [node, client] = await Promise.all([open(t, pair.node), open(t, pair.client)]);
  const dead = Array.from({ length: 20 }, (_, i) => `10.99.0.${100 + i}`);
  // Far more than one socket's buffer has room for.
  for (let i = 0; i < 60; i++) await node.ask({ do: 'send', text: 'x'.repeat(1_000), to: dead }, 'done');
  await node.ask({ do: 'send', text: 'a beat', to: ['10.99.0.1'] }, 'done');
  assert.equal((await client.next('text')).text, 'a beat');
  const lookedFor = ip(`-n ${pair.node} neigh show dev ${linkName}`).match(/INCOMPLETE/g)?.length;
  assert.equal(lookedFor, dead.length, 'the kernel still looks for all of them');
});
