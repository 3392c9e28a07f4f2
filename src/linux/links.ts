/** The links of this network namespace, from /sys/class/net and the addresses that Node lists. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { basename } from 'node:path';
import { type Ip, parseIp } from '../addr/ip.ts';

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
  /** Has a signal (IFF_LOWER_UP as /sys tells it); false while the link is not up. */
  readonly carrier: boolean;
  /** Answers no ARP (IFF_NOARP), as tunnels, or is the loopback. */
  readonly noArp: boolean;
  /** The bond or bridge that this link is a member of; a VRF too. */
  readonly master: string | undefined;
  /** Empty while the link is not up: Node lists no addresses of such links. */
  readonly addresses: readonly LinkAddress[];
}

const sysfs = '/sys/class/net';

/** Interface flags of <linux/if.h>. */
const flag = { up: 0x1, loopback: 0x8, noArp: 0x80 } as const;

/** All links, in order of their index; one that vanishes while it is read is left out. */
export function readLinks(): readonly Link[] {
  const addresses = addressesByLink();
  return readdirSync(sysfs)
    .flatMap((name) => readLink(name, addresses.get(name) ?? []) ?? [])
    .sort((a, b) => a.index - b.index);
}

function readLink(name: string, addresses: readonly LinkAddress[]): Link | undefined {
  const index = Number(readAttribute(name, 'ifindex'));
  const flags = Number(readAttribute(name, 'flags'));
  // Also true for plain files such as bonding_masters, which are no links.
  if (!(index > 0)) return undefined;
  return {
    name,
    index,
    mac: readAttribute(name, 'address') ?? '',
    up: (flags & flag.up) !== 0,
    carrier: readAttribute(name, 'carrier') === '1',
    noArp: (flags & (flag.noArp | flag.loopback)) !== 0,
    master: readMaster(name),
    addresses,
  };
}

/** The attribute's text; undefined where the link has gone, or does not tell (`carrier` of a link that is down is EINVAL). */
function readAttribute(name: string, attribute: string): string | undefined {
  try {
    return readFileSync(`${sysfs}/${name}/${attribute}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function readMaster(name: string): string | undefined {
  try {
    return basename(readlinkSync(`${sysfs}/${name}/master`));
  } catch {
    return undefined;
  }
}

function addressesByLink(): ReadonlyMap<string, readonly LinkAddress[]> {
  const found = new Map<string, readonly LinkAddress[]>();
  for (const [label, infos] of Object.entries(networkInterfaces())) {
    // An IPv4 address may have a label of its own, "eth0:1" (ip-address(8)); the link is what is before the colon.
    const name = label.split(':', 1)[0] ?? label;
    found.set(name, [...(found.get(name) ?? []), ...(infos ?? []).flatMap((info) => addressFrom(info.cidr) ?? [])]);
  }
  return found;
}

function addressFrom(cidr: string | null): LinkAddress | undefined {
  const [text = '', prefix = ''] = (cidr ?? '').split('/');
  const address = parseIp(text);
  return address === undefined ? undefined : { address, prefix: Number(prefix) };
}
