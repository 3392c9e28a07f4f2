/**
 * The cost of a speaker's datagrams for sender and receiver, and the log line about a key file
 * without a key.
 */
import assert from 'node:assert/strict';
import crypto, { randomBytes } from 'node:crypto';
import { createSocket, Socket } from 'node:dgram';
import { once } from 'node:events';
import { appendFile, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { afterEach, beforeEach, type TestContext, test } from 'node:test';
import pino from 'pino';
import { eventually } from '../../../lab/poll.ts';
import { addressOf, Loopback, type Partner, type Speaker, soon, speakerHost, vipFor } from '../loopback.ts';

const nodes = { n1: speakerHost, n2: 2 };

let loopback: Loopback;
beforeEach(async () => {
  loopback = await Loopback.make();
});
afterEach(() => loopback.close());

async function hears(speaker: Speaker, partner: Partner): Promise<void> {
  await eventually(
    'the speaker hears its partner',
    () => speaker.runner.peers.some(({ node, liveness }) => node === partner.node && liveness === 'Alive'),
    soon,
  );
}

/** The largest number of datagrams in one iteration of the event loop during a call. */
async function mostInOneIteration({ mock }: TestContext, during: () => Promise<void>): Promise<number> {
  let [here, most, watching] = [0, 0, true];
  const send = Socket.prototype.send;
  const sends = mock.method(Socket.prototype, 'send', function (this: Socket, ...rest: never[]) {
    most = Math.max(most, ++here);
    return Reflect.apply(send, this, rest);
  });
  const nextIteration = () => {
    here = 0;
    if (watching) setImmediate(nextIteration);
  };
  nextIteration();
  try {
    await during();
  } finally {
    watching = false;
    sends.mock.restore();
  }
  return most;
}

test('a takeover of thousands of VIPs is reported in many iterations of the event loop, with heartbeats between them', async (t) => {
  const partner = await loopback.partner('n2', nodes.n2);
  const speaker = await loopback.speaker('n1', nodes.n1);
  // The other nodes have addresses on which no program listens.
  const all = { ...nodes, n3: 3, n4: 4, n5: 5 };
  speaker.observe([], all);
  await hears(speaker, partner);
  const vips = Array.from({ length: 3_000 }, (_, i) => vipFor(['n1'], i));
  const most = await mostInOneIteration(t, async () => {
    speaker.observe(vips, all);
    await eventually('the speaker holds all VIPs', () => speaker.held.length === vips.length, soon);
    await eventually('n2 knows all claims', () => partner.heartbeats.at(-1)?.total.count === vips.length, soon);
  });
  assert.ok(most > 0);
  assert.ok(most <= 500, `${most} datagrams in one iteration`);
});

/** The number of signatures over this content that are made during a call. */
async function signaturesOver(content: Buffer, during: () => Promise<void>): Promise<number> {
  const { createHmac } = crypto;
  let made = 0;
  crypto.createHmac = (...how) => {
    const hmac = createHmac(...how);
    const update = hmac.update.bind(hmac);
    hmac.update = (data: Buffer) => {
      if (data.includes(content)) made++;
      return update(data);
    };
    return hmac;
  };
  syncBuiltinESMExports();
  try {
    await during();
  } finally {
    crypto.createHmac = createHmac;
    syncBuiltinESMExports();
  }
  return made;
}

test('a datagram that cannot be from a speaker costs no signature', async () => {
  const partner = await loopback.partner('n2', nodes.n2);
  const speaker = await loopback.speaker('n1', nodes.n1);
  speaker.observe([], nodes);
  await hears(speaker, partner);
  // Twice as long as any datagram of a speaker, no text, and from an address that no node has.
  const junk = randomBytes(3_000);
  const stranger = loopback.keep(createSocket('udp4'));
  const made = await signaturesOver(junk.subarray(100, 200), async () => {
    for (let i = 0; i < 10; i++) stranger.send(junk, loopback.port, addressOf(nodes.n1));
    const before = partner.heartbeats.length;
    // The speaker reads datagrams in the order of their arrival, so it has read the earlier ones by
    // then.
    await eventually('the partner gets three more heartbeats', () => partner.heartbeats.length >= before + 3, soon);
  });
  assert.equal(made, 0, 'signatures over ten datagrams from no speaker');
});

test('a flood of datagrams that look like those of a speaker costs few signatures, and the peers stay alive', async () => {
  const partner = await loopback.partner('n2', nodes.n2);
  const speaker = await loopback.speaker('n1', nodes.n1);
  speaker.observe([], nodes);
  await hears(speaker, partner);
  const content = randomBytes(50).toString('hex');
  const forged = Buffer.concat([randomBytes(32), Buffer.from(`{"version":1,"kind":"Heartbeat","from":"${content}"}`)]);
  const stranger = loopback.keep(createSocket('udp4').bind(0, addressOf(66)));
  await once(stranger, 'listening');
  const made = await signaturesOver(Buffer.from(content), async () => {
    for (let i = 0; i < 2_000; i++) {
      stranger.send(forged, loopback.port, addressOf(nodes.n1));
      if (i % 20 === 0) await new Promise(setImmediate);
    }
    const before = partner.heartbeats.length;
    await eventually('the partner gets three more heartbeats', () => partner.heartbeats.length >= before + 3, soon);
  });
  assert.ok(made > 0 && made <= 1_000, `${made} signatures over 2000 datagrams`);
  assert.equal(speaker.runner.peers.find(({ node }) => node === 'n2')?.liveness, 'Alive');
});

test('nothing is sent after the close', async () => {
  const partner = await loopback.partner('n2', nodes.n2);
  const { datagrams } = partner;
  await datagrams?.close();
  const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind.startsWith('UDP')).length;
  const before = sockets();
  datagrams?.send('late', [addressOf(nodes.n1)]);
  assert.equal(sockets(), before, 'sockets that keep the process alive');
});

test('a new key file without a usable key is logged', async (t) => {
  // This must precede the opening of the socket: the file is read again every five seconds.
  t.mock.timers.enable({ apis: ['setInterval'] });
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  const partner = await loopback.partner('n2', nodes.n2);
  const speaker = await loopback.speaker('n1', nodes.n1, log);
  speaker.observe([], nodes);
  await hears(speaker, partner);
  // The file is read again: a datagram that is signed with an added key is accepted.
  const added = randomBytes(32);
  await appendFile(loopback.keyFile, `${added.toString('base64')}\n`);
  t.mock.timers.tick(5_000);
  const sender = loopback.keep(createSocket('udp4'));
  const { counts } = speaker.transport;
  const signed = Buffer.concat([crypto.createHmac('sha256', added).update('x').digest(), Buffer.from('x')]);
  await eventually(
    'the added key is accepted',
    () => {
      sender.send(signed, loopback.port, addressOf(nodes.n1));
      return (speaker.transport.counts.Unreadable ?? 0) > (counts.Unreadable ?? 0);
    },
    soon,
  );
  await writeFile(loopback.keyFile, 'no key at all\n');
  t.mock.timers.tick(5_000);
  await eventually('the log names the key file', () => lines.some((line) => /key/.test(line)), {
    timeoutMs: 300,
    everyMs: 10,
  });
});
