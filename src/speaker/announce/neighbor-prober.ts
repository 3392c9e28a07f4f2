/** Probes which host has an address: IPv4 by ARP probes (RFC 5227 section 1.1), which change no cache, IPv6 by Neighbor Solicitations. */
import { familyOf, type Ip, parseIp } from '../../addr/ip.ts';
import { inSubnet } from '../../addr/subnet.ts';
import { type FrameSender, openFrameSender } from '../../linux/frame-sender.ts';
import type { Link } from '../../linux/links.ts';
import type { Logger } from '../../runtime/logger.ts';
import { arpOperation, encodeArp } from '../../wire/arp.ts';
import { broadcastMac } from '../../wire/ethernet.ts';
import { groupMac, ipv6TextAt, solicitedNodeGroup, unspecified } from '../../wire/ipv6.ts';
import { encodeNdp, ndpType } from '../../wire/ndp.ts';
import type { WireProbe } from '../election/wire-probes.ts';

type ProbedLink = Pick<Link, 'name' | 'index' | 'mac'> & { readonly addresses: readonly { readonly address: Ip }[] };

const noAddress = '0.0.0.0' as Ip;
const noMac = '00:00:00:00:00:00';

/** Sends the probes; the packet worker hears the answers. */
export class NeighborProber {
  readonly #log: Pick<Logger, 'debug'>;
  readonly #open: (link: ProbedLink) => FrameSender;
  readonly #senders = new Map<string, FrameSender>();
  #links: readonly Link[] = [];

  constructor(log: Pick<Logger, 'debug'>, open: (link: ProbedLink) => FrameSender = openFrameSender) {
    this.#log = log;
    this.#open = open;
  }

  /** Sets the links of this node. */
  observe(links: readonly Link[]): void {
    this.#links = links;
  }

  /** The link in whose subnet an address of another host is; undefined if a router is between. */
  linkTo = (text: string): Link | undefined => {
    const address = parseIp(text);
    // Two links may have addresses of one subnet: a link that is down reaches no host.
    const isNear = ({ carrier, addresses }: Link) => carrier && addresses.some((own) => inSubnet(address as Ip, own));
    // A peer may report an address that each node has, such as that of a bridge of containers.
    const isOwn = this.#links.some(({ addresses }) => addresses.some((own) => own.address === address));
    return address && !isOwn ? this.#links.find(isNear) : undefined;
  };

  /** Sends each probe on its links, to all hosts or to one. Returns the probes that could not be sent on any link. */
  probe = (probes: readonly WireProbe[]): readonly WireProbe[] =>
    probes.filter(({ address, links, to }) => {
      const on = this.#links.filter(({ name }) => links.includes(name));
      return on.map((link) => this.probeOn(link, address, to)).every((isSent) => !isSent);
    });

  /**
   * Sends one probe on a link: to all hosts, or to the one with a hardware address. Returns whether it was sent. A link that cannot send is
   * tried again by the next probe.
   */
  probeOn(link: ProbedLink, address: Ip, to?: string): boolean {
    const key = `${link.index}/${link.name}`;
    try {
      const sender = this.#senders.get(key) ?? this.#open(link);
      this.#senders.set(key, sender);
      const frame = familyOf(address) === 'IPv4' ? arpProbe(link, address, to) : solicitation(link, address, to);
      const outcome = sender.send(frame);
      if (outcome === 'LinkGone') this.#drop(key);
      return outcome === 'Sent';
    } catch (error) {
      this.#log.debug({ link: link.name, err: error }, 'cannot send probes on a link');
      this.#drop(key);
      return false;
    }
  }

  /** Closes the senders of all links. */
  close(): void {
    for (const key of this.#senders.keys()) this.#drop(key);
  }

  #drop(key: string): void {
    this.#senders.get(key)?.close();
    this.#senders.delete(key);
  }
}

function arpProbe({ mac }: ProbedLink, address: Ip, to = broadcastMac): Uint8Array {
  return encodeArp({
    ...{ destination: to, source: mac, operation: arpOperation.request },
    ...{ senderMac: mac, senderIp: noAddress, targetMac: noMac, targetIp: address },
  });
}

/**
 * Sent from an address of the link, because the answer to a solicitation without one (DAD) goes to all nodes (RFC 4861 section 7.2.4). The
 * probed host may add this address to its neighbor cache: the entry is correct.
 */
function solicitation({ mac, addresses }: ProbedLink, address: Ip, to?: string): Uint8Array {
  const own = addresses.find((one) => familyOf(one.address) === 'IPv6')?.address;
  const group = solicitedNodeGroup(address);
  return encodeNdp({
    // A probe of one host has the form in which a kernel probes a known neighbor (RFC 4861 section 7.3.3).
    ...{ destination: to ?? groupMac(group), destinationIp: to === undefined ? ipv6TextAt(group, 0) : address },
    ...{ source: mac, target: address },
    ...{ type: ndpType.solicitation, flags: 0 },
    sourceIp: own ?? unspecified,
    linkAddress: own === undefined ? undefined : mac,
  });
}
