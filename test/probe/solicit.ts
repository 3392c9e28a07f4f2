/** Probes an IPv6 address on a link by multicast Neighbor Solicitations, as arping(8) does by ARP for IPv4. */
import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { familyOf } from '../../src/addr/ip.ts';
import { openFrameSender } from '../../src/linux/frame-sender.ts';
import { readLinks } from '../../src/linux/link-monitor.ts';
import { openReceiveSocket } from '../../src/linux/packet-socket.ts';
import { ndpForThisHost } from '../../src/linux/socket-filter.ts';
import { frameBatch } from '../../src/linux/worker/frame-batch.ts';
import { decodeNdp, ndpType } from '../../src/wire/ndp.ts';
import { solicitationFor } from '../net/frame-lab.ts';

const attempts = 3;
const attemptMs = 300;

/** Sends three solicitations, and returns the MACs in the answers. */
export async function advertisersOf(linkName: string, target: string): Promise<readonly string[]> {
  const link = readLinks().find(({ name }) => name === linkName);
  const sourceIp = link?.addresses.find(({ address }) => familyOf(address) === 'IPv6')?.address;
  if (link === undefined || sourceIp === undefined) throw new Error(`no link ${linkName} with an IPv6 address`);
  const sender = openFrameSender(link);
  const receiver = openReceiveSocket(link, ndpForThisHost);
  const batch = frameBatch(64, ndpForThisHost.snapLength);
  const macs = new Set<string>();
  try {
    for (let attempt = 0; attempt < attempts; attempt++) {
      sender.send(solicitationFor(target, { source: link.mac, linkAddress: link.mac, sourceIp }));
      await delay(attemptMs);
      const received = batch.receive(receiver);
      for (const [i, frame] of batch.frames.slice(0, Math.max(0, received)).entries()) {
        const packet = decodeNdp(frame, batch.lengthOf(i));
        if (typeof packet === 'string' || packet.type !== ndpType.advertisement || packet.target !== target) continue;
        if (packet.linkAddress !== undefined) macs.add(packet.linkAddress);
      }
    }
  } finally {
    sender.close();
    closeSync(receiver);
  }
  return [...macs];
}
