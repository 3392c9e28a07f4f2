/** Fixture: sends raw frames on a link and tells which ARP frames arrive on it; the tests start it in the client's namespace. */
import { createInterface } from 'node:readline';
import { frameBatch } from '../../src/linux/frame-batch.ts';
import { openFrameSender } from '../../src/linux/frame-sender.ts';
import { errnoName } from '../../src/linux/libc.ts';
import { readLinks } from '../../src/linux/link-monitor.ts';
import { openReceiveSocket } from '../../src/linux/packet-socket.ts';
import { arpForThisHost } from '../../src/linux/socket-filter.ts';
import { decodeArp } from '../../src/wire/arp.ts';
import { linkName } from './namespaces.ts';

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const link = readLinks().find(({ name }) => name === linkName);
if (link === undefined) throw new Error(`no link ${linkName}`);
const sender = openFrameSender(link);
const receiver = openReceiveSocket(link, arpForThisHost);
const batch = frameBatch(16, arpForThisHost.snapLength);

/** Every ARP frame for this host or for all, as it arrives. */
function listen(): void {
  const received = batch.receive(receiver);
  if (received < 0 && errnoName() !== 'EAGAIN') throw new Error(errnoName());
  for (let i = 0; i < received; i++) {
    const frame = batch.frames[i];
    if (frame !== undefined) say({ kind: 'frame', arp: decodeArp(frame, batch.lengthOf(i)) });
  }
  setTimeout(listen, 1);
}

/** A command is `{ "send": "<frame in hex>" }` or `{ "flood": "<frame in hex>" }`: as fast as it goes, for ever. */
createInterface({ input: process.stdin }).on('line', (line) => {
  const command: { send?: string; flood?: string } = JSON.parse(line);
  if (command.send !== undefined) say({ kind: 'sent', outcome: sender.send(Buffer.from(command.send, 'hex')) });
  if (command.flood !== undefined) flood(Buffer.from(command.flood, 'hex'));
});
listen();
say({ kind: 'ready' });

function flood(frame: Uint8Array): void {
  const frames = frameBatch(64, frame.length);
  for (const slot of frames.frames) slot.set(frame);
  say({ kind: 'flooding' });
  // Any packet socket of the link sends; this one gives the batch its descriptor.
  for (;;) frames.send(receiver, 64);
}
