/** Signed datagrams over a real socket, on loopback: what is forged has no effect and is counted. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, test } from 'node:test';
import { openDatagrams, type SignedDatagrams } from '../../src/runtime/signed-datagrams.ts';
import { eventually } from '../lab/poll.ts';
import { fc } from '../property.ts';
import { startLineProcess } from './line-process.ts';
import { createPair, linkName } from './namespaces.ts';

const here = '127.0.0.1';
/** Outside of the ranges from which kernels take ports by themselves. */
const port = 27_932;
const [first, second, stranger] = [randomBytes(32), randomBytes(32), randomBytes(32)];
const sender = () => createSocket('udp4');

let folder: string;
let keyFile: string;
let receiver: SignedDatagrams;
let texts: string[];

beforeEach(async () => {
  folder = await mkdtemp(`${tmpdir()}/berth-datagrams-`);
  keyFile = `${folder}/keys`;
  texts = [];
  await writeFile(keyFile, `${first.toString('base64')}\n${second.toString('base64')}\n`);
  receiver = await open();
});
afterEach(async () => {
  receiver.close();
  await rm(folder, { recursive: true });
});

function open(): Promise<SignedDatagrams> {
  return openDatagrams({ port, keyFile, onText: (text) => texts.push(text), onFailed: (error) => assert.fail(error) });
}

function signed(key: Buffer, text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([createHmac('sha256', key).update(body).digest(), body]);
}

/** Sends datagrams, and waits until all have come. */
async function send(...datagrams: readonly Uint8Array[]): Promise<void> {
  const { received, unsigned } = receiver.counters;
  const socket = sender();
  for (const datagram of datagrams) socket.send(datagram, port, here);
  await eventually(
    'all have come',
    () => receiver.counters.received + receiver.counters.unsigned === received + unsigned + datagrams.length,
    { everyMs: 5 },
  );
  socket.close();
}

test('B3 what is signed by any of the keys is taken, what is not is counted and dropped', async () => {
  await send(signed(first, 'a'), signed(second, 'b'), signed(stranger, 'c'));
  assert.deepEqual(texts.toSorted(), ['a', 'b']);
  assert.deepEqual([receiver.counters.received, receiver.counters.unsigned], [2, 1]);
});

test('no change to a datagram, and no part of it, is taken', async () => {
  const good = signed(first, 'a beat');
  const change = fc.record({ at: fc.nat(good.length - 1), by: fc.integer({ min: 1, max: 255 }) });
  const forged = fc
    .sample(change, 200)
    .map(({ at, by }) => Buffer.from(good.map((byte, i) => (i === at ? byte ^ by : byte))));
  const parts = Array.from({ length: good.length }, (_, length) => good.subarray(0, length));
  for (const datagram of [...forged, ...parts, Buffer.concat([good, Buffer.from('x')])]) await send(datagram);
  assert.deepEqual(texts, []);
  await send(good);
  assert.deepEqual(texts, ['a beat']);
});

test('B3 a key is changed without a silent moment: the new one is accepted before anybody signs with it', async () => {
  // As the mounted Secret changes: by another file in its place.
  await writeFile(keyFile, `${second.toString('base64')}\n${stranger.toString('base64')}\n`);
  await eventually('the new key counts', async () => {
    await send(signed(stranger, 'new'));
    return texts.includes('new');
  });
  texts.length = 0;
  await send(signed(second, 'kept'), signed(first, 'removed'));
  assert.deepEqual(texts, ['kept']);
});

test('hosts that answer no ARP keep nobody else waiting', async () => {
  const pair = createPair();
  const args = [`${port}`, keyFile];
  const node = startLineProcess({ namespace: pair.node, file: './datagram-process.ts', args });
  const client = startLineProcess({ namespace: pair.client, file: './datagram-process.ts', args });
  try {
    await Promise.all([node.next('ready'), client.next('ready')]);
    const addressOf = (namespace: string) => {
      const text = execFileSync('ip', ['-n', namespace, '-4', '-o', 'address', 'show', 'dev', linkName], {
        encoding: 'utf8',
      });
      return /inet ([0-9.]+)/.exec(text)?.[1] ?? assert.fail(text);
    };
    const to = addressOf(pair.client);
    const dead = Array.from({ length: 20 }, (_, i) => addressOf(pair.node).replace(/\d+$/, String(100 + i)));
    // Far more than one socket's buffer has room for, in less time than the kernel looks for a neighbour.
    for (let i = 0; i < 60; i++) await node.ask({ send: 'x'.repeat(1_000), to: dead }, 'sent');
    const sentAt = performance.now();
    await node.ask({ send: 'a beat', to: [to] }, 'sent');
    assert.equal((await client.next('text')).text, 'a beat');
    assert.ok(performance.now() - sentAt < 1_000, `it took ${performance.now() - sentAt} ms`);
  } finally {
    node.close();
    client.close();
    pair.close();
  }
});
