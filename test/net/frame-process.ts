/**
 * Fixture: sends raw frames on a link, and reports the ARP and NDP frames that arrive on it. Runs
 * in the client's namespace.
 */

import { openFrameSender } from '../../src/linux/frame-sender.ts';
import { errnoName } from '../../src/linux/libc.ts';
import { readLinks } from '../../src/linux/link-monitor.ts';
import { openReceiveSocket } from '../../src/linux/packet-socket.ts';
import { arpForThisHost, type FrameFilter, ndpForThisHost } from '../../src/linux/socket-filter.ts';
import { frameBatch } from '../../src/linux/worker/frame-batch.ts';
import { decodeArp } from '../../src/wire/arp.ts';
import { decodeNdp } from '../../src/wire/ndp.ts';
import { obey, say, sayReady } from './fixture.ts';
import { linkName } from './namespaces.ts';

const link = readLinks().find(({ name }) => name === linkName);
if (link === undefined) throw new Error(`no link ${linkName}`);
const sender = openFrameSender(link);
const arpSocket = openReceiveSocket(link, arpForThisHost);
const ndpSocket = openReceiveSocket(link, ndpForThisHost);

/** Makes a function that reports the frames in a socket. */
function receiverOf(fd: number, { snapLength }: FrameFilter, fact: (frame: Uint8Array, length: number) => object) {
  const batch = frameBatch(16, snapLength);
  return () => {
    const received = batch.receive(fd);
    if (received < 0 && errnoName() !== 'EAGAIN') throw new Error(errnoName());
    for (let i = 0; i < received; i++) {
      const frame = batch.frames[i];
      if (frame !== undefined) say({ kind: 'frame', ...fact(frame, batch.lengthOf(i)) });
    }
  };
}

const tellArp = receiverOf(arpSocket, arpForThisHost, (frame, length) => ({ arp: decodeArp(frame, length) }));
const tellNdp = receiverOf(ndpSocket, ndpForThisHost, (frame, length) => ({ ndp: decodeNdp(frame, length) }));

/** Reports every frame as it arrives: for this host, for all hosts or for a group. */
function listen(): void {
  tellArp();
  tellNdp();
  setTimeout(listen, 1);
}

/**
 * A command is `{ "send": "<frame in hex>" }`, `{ "flood": "<frame in hex>" }`, which sends as fast
 * as possible, forever, or `{ "sync": true }`, which reports all received frames before it answers.
 */
obey<{ send?: string; flood?: string; sync?: boolean }>((command) => {
  if (command.sync) {
    tellArp();
    tellNdp();
    say({ kind: 'synced' });
  }
  if (command.send !== undefined) say({ kind: 'sent', outcome: sender.send(Buffer.from(command.send, 'hex')) });
  if (command.flood !== undefined) flood(Buffer.from(command.flood, 'hex'));
});
listen();
sayReady();

function flood(frame: Uint8Array): void {
  const frames = frameBatch(64, frame.length);
  for (const slot of frames.frames) slot.set(frame);
  say({ kind: 'flooding' });
  // Any packet socket of the link can send; this one gives the batch its descriptor.
  for (;;) frames.send(arpSocket, 64);
}
