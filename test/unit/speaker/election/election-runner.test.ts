/**
 * The messages of a speaker to its peers over real sockets, and when it sends them: claims,
 * restarts, heartbeats to silent peers.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import { setImmediate as nextIteration } from 'node:timers/promises';
import { decodeMessage, encodeMessage } from '../../../../src/liveness/codec.ts';
import { type Message, noClaims } from '../../../../src/liveness/messages.ts';
import { eventually } from '../../../lab/poll.ts';
import { addressOf, Loopback, type Partner, type Speaker, soon, speakerHost, vipFor } from '../loopback.ts';

const nodes = { n1: speakerHost, n2: 2 };
/** The number of a second address of the second node. */
const elsewhere = 3;

let loopback: Loopback;
beforeEach(async () => {
  loopback = await Loopback.make();
});
afterEach(() => loopback.close());

/** A speaker that has heard its partner. */
async function acquainted(): Promise<{ readonly speaker: Speaker; readonly partner: Partner }> {
  const partner = await loopback.partner('n2', nodes.n2);
  const speaker = await loopback.speaker('n1', nodes.n1);
  speaker.observe([], nodes);
  await eventually('the speaker hears its partner', () => livenessOf(speaker) === 'Alive', soon);
  return { speaker, partner };
}

function livenessOf({ runner }: Speaker): string | undefined {
  return runner.peers.find(({ node }) => node === 'n2')?.liveness;
}

test('two speakers share the VIPs, and each knows the VIPs of the other one', async () => {
  const [one, two] = [await loopback.speaker('n1', nodes.n1), await loopback.speaker('n2', nodes.n2)];
  const vips = Array.from({ length: 20 }, (_, i) => vipFor(['n1', 'n2'], i));
  for (const speaker of [one, two]) speaker.observe(vips, nodes);
  await eventually('all VIPs are held', () => one.held.length + two.held.length === vips.length, soon);
  assert.deepEqual([...one.held, ...two.held].sort(), vips.map(({ uid }) => uid).sort());
  await eventually(
    'both know all holders',
    () =>
      [one, two].every(({ decisions }) =>
        decisions.every(({ vip, holder }) => holder === (one.held.includes(vip.uid) ? 'n1' : 'n2')),
      ),
    soon,
  );
});

test('claims are sent to the peers when they change, and not only on request', async () => {
  const { speaker, partner } = await acquainted();
  const vip = vipFor(['n1']);
  speaker.observe([vip], nodes);
  const isReported = () =>
    partner.claims.some(({ claims, fullSync }) => fullSync === undefined && claims[0]?.uid === vip.uid);
  await eventually('the partner gets the claim', isReported, soon);
  speaker.observe([], nodes);
  const isDropped = () => partner.claims.some(({ dropped }) => dropped[0] === vip.uid);
  await eventually('the partner gets the dropped claim', isDropped, soon);
});

test('a speaker that ends announces its restart before its socket is closed', async () => {
  const { speaker, partner } = await acquainted();
  speaker.runner.announceRestart();
  // As at the end of a process: only its own close waits for the socket.
  await speaker.close();
  await eventually('the restart is announced', () => partner.heartbeats.at(-1)?.state === 'Restarting', soon);
});

test('a node that the cluster does not list is answered where it sent from: the list may be old', async () => {
  const speaker = await loopback.speaker('n1', nodes.n1);
  speaker.observe([], { n1: nodes.n1 });
  const answers: (Message | undefined)[] = [];
  const socket = loopback.keep(
    createSocket('udp4', (data) => answers.push(decodeMessage(data.subarray(32).toString()))),
  );
  socket.bind(loopback.port, addressOf(nodes.n2));
  await once(socket, 'listening');
  const text = encodeMessage({
    ...{ kind: 'Heartbeat', from: { node: 'n2', incarnation: '2'.repeat(16) }, sequence: 1, rules: 1, nextMs: 100 },
    ...{ to: { node: 'n1', incarnation: '', newest: '' }, state: 'Listening', ages: { loop: 0, worker: 0 } },
    ...{ links: [], heard: [], total: noClaims, wantsClaims: false },
  });
  const key = Buffer.from(readFileSync(loopback.keyFile, 'utf8'), 'base64');
  socket.send(
    Buffer.concat([createHmac('sha256', key).update(text).digest(), Buffer.from(text)]),
    loopback.port,
    addressOf(1),
  );
  await eventually('the node gets a heartbeat', () => answers.some((one) => one?.to.newest === '2'.repeat(16)), soon);
});

test('heartbeats to a silent peer also go to the links that it reported before', async () => {
  const { speaker, partner } = await acquainted();
  const link = { name: 'mgmt', mac: '02:00:00:00:00:02', addresses: [`${addressOf(elsewhere)}/24`] };
  let received = 0;
  const socket = createSocket('udp4', () => received++).bind(loopback.port, addressOf(elsewhere));
  loopback.keep(socket);
  await once(socket, 'listening');
  partner.links = [link];
  await eventually('a heartbeat goes to the link', () => received > 0, soon);
  partner.links = [];
  await eventually('the peer no longer reports the link', () => speaker.runner.linksOf('n2')?.length === 0, soon);
  partner.isSilent = true;
  await eventually('the peer is dead', () => livenessOf(speaker) === 'Dead', soon);
  const before = received;
  await eventually('a heartbeat goes to the former link', () => received > before, soon);
});

test('the hardware address of a removed node belongs to no node any more', async () => {
  const { speaker, partner } = await acquainted();
  const mac = '02:00:00:00:00:02';
  partner.links = [{ name: 'eth0', mac, addresses: ['192.0.2.2/24'] }];
  await eventually('the address belongs to the node', () => speaker.runner.nodeOf(mac) === 'n2', soon);
  partner.isSilent = true;
  speaker.observe([], { n1: nodes.n1 });
  await eventually('the peer is forgotten', () => speaker.runner.peers.length === 0, soon);
  speaker.observe([], { n1: nodes.n1 });
  await nextIteration();
  assert.equal(speaker.runner.nodeOf(mac), undefined, 'the node with the hardware address');
});
