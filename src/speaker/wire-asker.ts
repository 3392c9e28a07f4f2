/** Asks on the wire who has an address, by ARP probes (RFC 5227 section 1.1): they change nobody's cache. */
import { familyOf, type Ip } from '../addr/ip.ts';
import { type FrameSender, openFrameSender } from '../linux/frame-sender.ts';
import type { LinkName } from '../linux/packet-socket.ts';
import type { Logger } from '../runtime/logger.ts';
import { arpOperation, encodeArp } from '../wire/arp.ts';
import { broadcastMac } from '../wire/ethernet.ts';

type AskedLink = LinkName & { readonly mac: string };

const noAddress = '0.0.0.0' as Ip;
const noMac = '00:00:00:00:00:00';

/** Sends the questions; the packet worker hears the answers. */
export class WireAsker {
  readonly #log: Logger;
  readonly #senders = new Map<string, FrameSender>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Asks once for an IPv4 address; for others there is no question yet. A link that cannot send is tried again next time. */
  ask(link: AskedLink, address: Ip): void {
    if (familyOf(address) !== 'IPv4') return;
    const key = `${link.index}/${link.name}`;
    try {
      const sender = this.#senders.get(key) ?? openFrameSender(link);
      this.#senders.set(key, sender);
      const frame = encodeArp({
        ...{ destination: broadcastMac, source: link.mac, operation: arpOperation.request },
        ...{ senderMac: link.mac, senderIp: noAddress, targetMac: noMac, targetIp: address },
      });
      if (sender.send(frame) === 'LinkGone') this.#drop(key);
    } catch (error) {
      this.#log.debug({ link: link.name, err: error }, 'cannot ask on the wire');
      this.#drop(key);
    }
  }

  /** Closes all links. */
  close(): void {
    for (const key of this.#senders.keys()) this.#drop(key);
  }

  #drop(key: string): void {
    this.#senders.get(key)?.close();
    this.#senders.delete(key);
  }
}
