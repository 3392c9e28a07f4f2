/** The links of a network namespace, as the kernel's messages about links and addresses add up to them. */
import { isDeepStrictEqual } from 'node:util';
import type { Ip } from '../addr/ip.ts';
import {
  type AddressMessage,
  addressFlag,
  interfaceFlag,
  type LinkMessage,
  type NetlinkBody,
} from '../wire/netlink.ts';

/** An address of a link and the length of its subnet's prefix in bits. */
export interface LinkAddress {
  readonly address: Ip;
  readonly prefix: number;
}

/** A network interface as it is now. */
export interface Link {
  readonly name: string;
  /** The kernel's number (ifindex): a link that is deleted and made again has another. */
  readonly index: number;
  /** Lower-case `aa:bb:cc:dd:ee:ff`, or whatever the link has instead: the empty text, another length. */
  readonly mac: string;
  /** Set up by the administrator (IFF_UP). */
  readonly up: boolean;
  /** Has a signal (IFF_LOWER_UP) and is operational (IFF_RUNNING: not a port that still waits for 802.1X). */
  readonly carrier: boolean;
  /** Answers no ARP (IFF_NOARP), as tunnels, or is the loopback. */
  readonly noArp: boolean;
  /** The bond or bridge that this link is a member of; a VRF too. */
  readonly master: string | undefined;
  /** A program looks at its frames before anything else (XDP). */
  readonly xdp: boolean;
  /** Also while the link is down. IPv6 addresses that are not known to be unique (RFC 4862 section 5.4) are left out. */
  readonly addresses: readonly LinkAddress[];
}

/** All links and addresses, message by message. */
export class LinkTable {
  readonly #links = new Map<number, LinkMessage>();
  /** By the link's index, then by everything that tells two addresses of a link apart. */
  readonly #addresses = new Map<number, Map<string, AddressMessage>>();

  /** Takes in a message; is anything other than before? */
  apply(message: NetlinkBody): boolean {
    switch (message.kind) {
      case 'Link':
        return put(this.#links, message.index, message);
      case 'LinkGone':
        this.#addresses.delete(message.index);
        return this.#links.delete(message.index);
      case 'Address': {
        const known = this.#addresses.get(message.index) ?? new Map<string, AddressMessage>();
        this.#addresses.set(message.index, known);
        return put(known, addressKey(message), message);
      }
      case 'AddressGone':
        return this.#addresses.get(message.index)?.delete(addressKey(message)) ?? false;
      default:
        return false;
    }
  }

  /** The links in order of their index, the addresses of each in the kernel's order. */
  links(): readonly Link[] {
    return [...this.#links.values()].sort((a, b) => a.index - b.index).map((message) => this.#link(message));
  }

  #link({ name, index, mac, flags, master, xdp }: LinkMessage): Link {
    const has = (...wanted: readonly number[]) => wanted.every((flag) => (flags & flag) !== 0);
    const addresses = [...(this.#addresses.get(index)?.values() ?? [])].filter(isUsable);
    return {
      name,
      index,
      mac,
      up: has(interfaceFlag.up),
      carrier: has(interfaceFlag.up, interfaceFlag.lowerUp, interfaceFlag.running),
      noArp: has(interfaceFlag.noArp) || has(interfaceFlag.loopback),
      // A master that we have not heard of is one all the same.
      master: master === 0 ? undefined : (this.#links.get(master)?.name ?? String(master)),
      xdp,
      addresses: addresses.map(({ address, prefix }) => ({ address, prefix })),
    };
  }
}

/** Sets a value; is it another one? One that stays keeps its place. */
function put<K, V>(map: Map<K, V>, key: K, value: V): boolean {
  const former = map.get(key);
  map.set(key, value);
  return !isDeepStrictEqual(former, value);
}

function addressKey({ address, prefix, peer }: AddressMessage): string {
  return `${address}/${prefix} ${peer}`;
}

/** An optimistic address may be used before it is known to be unique (RFC 4429). */
function isUsable({ flags }: AddressMessage): boolean {
  if ((flags & addressFlag.dadFailed) !== 0) return false;
  return (flags & addressFlag.tentative) === 0 || (flags & addressFlag.optimistic) !== 0;
}
