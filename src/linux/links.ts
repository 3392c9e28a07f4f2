/** The links of a network namespace, derived from the kernel's messages about links and addresses. */
import { isDeepStrictEqual } from 'node:util';
import type { Ip } from '../addr/ip.ts';
import {
  type AddressMessage,
  addressFlag,
  interfaceFlag,
  type LinkMessage,
  type NetlinkBody,
} from '../wire/netlink.ts';

/** An address of a link, with its prefix length in bits. */
interface LinkAddress {
  readonly address: Ip;
  readonly prefix: number;
}

/** The current state of a network interface. */
export interface Link {
  readonly name: string;
  /** The kernel's number (ifindex). A link that is deleted and created again has another one. */
  readonly index: number;
  /** Lower-case `aa:bb:cc:dd:ee:ff`. Links that are not Ethernet have an address of another length, or none (the empty text). */
  readonly mac: string;
  /** Set up by the administrator (IFF_UP). */
  readonly up: boolean;
  /** Has a carrier (IFF_LOWER_UP) and is operational (IFF_RUNNING: for example not a port that waits for 802.1X). */
  readonly carrier: boolean;
  /** Uses no ARP (IFF_NOARP), like tunnels, or is the loopback. */
  readonly noArp: boolean;
  /** The bond, bridge or VRF that this link is a member of. */
  readonly master: string | undefined;
  /** An XDP program processes its frames before the kernel does. */
  readonly xdp: boolean;
  /** Its addresses, also while the link is down. IPv6 addresses that are not known to be unique (RFC 4862 section 5.4) are omitted. */
  readonly addresses: readonly LinkAddress[];
}

/** Collects links and addresses from messages. */
export class LinkTable {
  readonly #links = new Map<number, LinkMessage>();
  /** By the link's index, then by everything that distinguishes two addresses of a link. */
  readonly #addresses = new Map<number, Map<string, AddressMessage>>();
  /** The links as of the last call of {@link links}, without those that have changed since. A node may have hundreds, one for each Pod. */
  readonly #known = new Map<number, Link>();

  /** Applies a message. True if anything changed. */
  apply(message: NetlinkBody): boolean {
    const isChange = this.#apply(message);
    if (isChange && 'index' in message) this.#forget(message);
    return isChange;
  }

  /** The links sorted by index, with the addresses of each in the kernel's order. A link that has not changed is the same object as before. */
  links(): readonly Link[] {
    const sorted = [...this.#links.values()].sort((a, b) => a.index - b.index);
    return sorted.map((message) => {
      const link = this.#known.get(message.index) ?? this.#link(message);
      this.#known.set(message.index, link);
      return link;
    });
  }

  #apply(message: NetlinkBody): boolean {
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

  /** A changed link may have another name, which its members have too. */
  #forget({ kind, index }: { readonly kind: NetlinkBody['kind']; readonly index: number }): void {
    this.#known.delete(index);
    if (kind !== 'Link' && kind !== 'LinkGone') return;
    for (const { index: member, master } of this.#links.values()) if (master === index) this.#known.delete(member);
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
      // The link is a member even if its master is not known.
      master: master === 0 ? undefined : (this.#links.get(master)?.name ?? String(master)),
      xdp,
      addresses: addresses.map(({ address, prefix }) => ({ address, prefix })),
    };
  }
}

/** Sets a value. True if it changed. A known key keeps its place in the order. */
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
