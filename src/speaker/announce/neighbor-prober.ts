/** Asks on the wire who has an address: by ARP probes (RFC 5227 section 1.1), which change nobody's cache, and by Neighbor Solicitations. */
import { familyOf, type Ip } from '../../addr/ip.ts';
import { type FrameSender, openFrameSender } from '../../linux/frame-sender.ts';
import type { LinkName } from '../../linux/packet-socket.ts';
import type { Logger } from '../../runtime/logger.ts';
import { arpOperation, encodeArp } from '../../wire/arp.ts';
import { broadcastMac } from '../../wire/ethernet.ts';
import { groupMac, ipv6TextAt, solicitedNodeGroup, unspecified } from '../../wire/ipv6.ts';
import { encodeNdp, ndpType } from '../../wire/ndp.ts';

type AskedLink = LinkName & { readonly mac: string; readonly addresses: readonly { readonly address: Ip }[] };

const noAddress = '0.0.0.0' as Ip;
const noMac = '00:00:00:00:00:00';

/** Sends the questions; the packet worker hears the answers. */
export class NeighborProber {
  readonly #log: Pick<Logger, 'debug'>;
  readonly #senders = new Map<string, FrameSender>();

  constructor(log: Pick<Logger, 'debug'>) {
    this.#log = log;
  }

  /** Asks all hosts, or the one with a hardware address, once. A link that cannot send is tried again next time. */
  ask(link: AskedLink, address: Ip, to?: string): void {
    const key = `${link.index}/${link.name}`;
    try {
      const sender = this.#senders.get(key) ?? openFrameSender(link);
      this.#senders.set(key, sender);
      const frame = familyOf(address) === 'IPv4' ? probeFor(link, address, to) : solicitationFor(link, address, to);
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

function probeFor({ mac }: AskedLink, address: Ip, to = broadcastMac): Uint8Array {
  return encodeArp({
    ...{ destination: to, source: mac, operation: arpOperation.request },
    ...{ senderMac: mac, senderIp: noAddress, targetMac: noMac, targetIp: address },
  });
}

/**
 * From an address of the link, for the answer to a question from none (DAD) goes to all nodes (RFC 4861 section 7.2.4). Whoever is asked
 * may note where this address is, and that is true.
 */
function solicitationFor({ mac, addresses }: AskedLink, address: Ip, to?: string): Uint8Array {
  const own = addresses.find((one) => familyOf(one.address) === 'IPv6')?.address;
  const group = solicitedNodeGroup(address);
  return encodeNdp({
    // One host is asked as a kernel does that has heard of it before (RFC 4861 section 7.3.3).
    ...{ destination: to ?? groupMac(group), destinationIp: to === undefined ? ipv6TextAt(group, 0) : address },
    ...{ source: mac, target: address },
    ...{ type: ndpType.solicitation, flags: 0 },
    sourceIp: own ?? unspecified,
    linkAddress: own === undefined ? undefined : mac,
  });
}
