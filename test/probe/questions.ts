/** The prober's ARP requests for the VIP. They are sent from an address that no kernel has. */
import type { Ip } from '../../src/addr/ip.ts';
import { readLinks } from '../../src/linux/link-monitor.ts';
import { openReceiveSocket, openSendSocket } from '../../src/linux/packet-socket.ts';
import type { FrameFilter } from '../../src/linux/socket-filter.ts';
import { frameBatch } from '../../src/linux/worker/frame-batch.ts';
import { arpFrameLength, arpOperation, decodeArp, encodeArp } from '../../src/wire/arp.ts';
import { etherType } from '../../src/wire/ethernet.ts';
import { now, type ProbeOrder, type Question } from './told.ts';

/** The number of bytes of a frame that the socket returns. */
const snapLength = 64;

/** One instruction of <linux/bpf_common.h>: accept the frame. The answers are sent to a MAC that is not this host's. */
const takeAll = new Uint8Array([0x06, 0, 0, 0, snapLength, 0, 0, 0]).buffer;
const allArp: FrameFilter = { protocol: etherType.arp, program: takeAll, snapLength };

/** Sends ARP requests. With each request it reports the answers to the previous one. */
export class Questions {
  readonly #order: ProbeOrder;
  readonly #sender: number;
  readonly #receiver: number;
  readonly #request = frameBatch(1, arpFrameLength);
  readonly #received = frameBatch(32, snapLength);
  #askedAt: number | undefined;

  constructor(order: ProbeOrder) {
    this.#order = order;
    const link = readLinks().find(({ name }) => name === order.link);
    if (link === undefined) throw new Error(`no link ${order.link}`);
    this.#receiver = openReceiveSocket(link, allArp);
    this.#sender = openSendSocket(link);
    this.#request.frames[0]?.set(
      encodeArp({
        destination: 'ff:ff:ff:ff:ff:ff',
        source: order.asker.mac,
        operation: arpOperation.request,
        senderMac: order.asker.mac,
        senderIp: order.asker.ip as Ip,
        targetMac: '00:00:00:00:00:00',
        targetIp: order.vip as Ip,
      }),
    );
  }

  /** Reports the answers to the previous request, and sends the next one. */
  ask(tell: (told: Question) => void): void {
    const macs = this.#answers();
    if (this.#askedAt !== undefined) tell({ kind: 'question', at: this.#askedAt, macs });
    this.#askedAt = now();
    this.#request.send(this.#sender, 1);
  }

  #answers(): readonly string[] {
    const macs = new Set<string>();
    for (let count = this.#received.frames.length; count === this.#received.frames.length; ) {
      count = this.#received.receive(this.#receiver);
      for (let i = 0; i < count; i++) {
        const mac = this.#answerIn(this.#received.frames[i] ?? new Uint8Array(), this.#received.lengthOf(i));
        if (mac !== undefined) macs.add(mac);
      }
    }
    return [...macs];
  }

  #answerIn(frame: Uint8Array, length: number): string | undefined {
    const arp = decodeArp(frame.subarray(0, length));
    if (typeof arp === 'string' || arp.operation !== arpOperation.reply) return undefined;
    return arp.senderIp === this.#order.vip && arp.targetMac === this.#order.asker.mac ? arp.senderMac : undefined;
  }
}
