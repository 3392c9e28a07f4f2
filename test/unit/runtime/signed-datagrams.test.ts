/**
 * Datagrams count only if they are signed with a key that both sides have. The test uses the
 * loopback.
 */
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openDatagrams, type SignedDatagrams } from '../../../src/runtime/signed-datagrams.ts';
import { eventually } from '../../lab/poll.ts';

const [first, second, foreign] = [randomBytes(32), randomBytes(32), randomBytes(32)];

/** A key file with these lines. It is deleted when the test ends. */
function keyFile(t: TestContext, ...lines: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-keys-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'keys'), `${lines.join('\n')}\n`);
  return join(folder, 'keys');
}

/** A socket on the loopback, and its port. */
async function boundSocket(): Promise<{ readonly socket: Socket; readonly port: number }> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { socket, port: socket.address().port };
}

interface Opened {
  readonly opened: SignedDatagrams;
  readonly port: number;
  readonly texts: readonly string[];
}

/** Opens datagrams on a free port. It tries again if another program takes the port first. */
async function open(t: TestContext, file: string): Promise<Opened> {
  for (;;) {
    const { socket, port } = await boundSocket();
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    const texts: string[] = [];
    const onText = (text: string, from: string) => void texts.push(`${text} from ${from}`);
    try {
      const opened = await openDatagrams({ port, keyFile: file, onText, onFailed: (error) => assert.ifError(error) });
      t.after(() => opened.close());
      return { opened, port, texts };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}

function signed(key: Buffer, text: string): Buffer {
  return Buffer.concat([createHmac('sha256', key).update(text).digest(), Buffer.from(text)]);
}

test('a datagram counts only if one of the keys signed all of it', async (t) => {
  const { opened, port, texts } = await open(t, keyFile(t, first.toString('base64'), second.toString('base64')));
  const { socket } = await boundSocket();
  t.after(() => socket.close());
  const changed = signed(first, 'mine');
  changed[changed.length - 1] = 0x78;
  const datagrams = [
    Buffer.from('bare'),
    Buffer.alloc(0),
    signed(first, '').subarray(0, 32),
    Buffer.concat([randomBytes(32), Buffer.from('forged')]),
    signed(foreign, 'foreign'),
    changed,
    signed(first, 'with the first key'),
    signed(second, 'with the second key'),
  ];
  for (const datagram of datagrams) socket.send(datagram, port, '127.0.0.1');
  await eventually('all datagrams arrive', async () => {
    return opened.counters.received + opened.counters.unsigned === datagrams.length;
  });
  assert.deepEqual(texts, ['with the first key from 127.0.0.1', 'with the second key from 127.0.0.1']);
  assert.equal(opened.counters.unsigned, 6);
});

test('a datagram that is sent counts at its receiver', async (t) => {
  const { opened, texts } = await open(t, keyFile(t, first.toString('base64')));
  opened.send('to itself', ['127.0.0.1']);
  await eventually('the datagram arrives', async () => opened.counters.received === 1);
  assert.deepEqual(texts, ['to itself from 127.0.0.1']);
});

test('a key file with a key that is too short, or without a key, is refused', async (t) => {
  const refused = (...lines: readonly string[]) => {
    const options = { port: 0, onText: () => undefined, onFailed: () => undefined };
    return assert.rejects(openDatagrams({ ...options, keyFile: keyFile(t, ...lines) }), /at least 16 bytes/);
  };
  await refused('');
  await refused(randomBytes(15).toString('base64'));
  await refused(first.toString('base64'), randomBytes(8).toString('base64'));
});
