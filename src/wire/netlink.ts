/**
 * Messages of rtnetlink(7) about links and addresses: decodes messages, and encodes requests for a dump. Layouts are those of
 * <linux/netlink.h>, <linux/rtnetlink.h>, <linux/if_link.h> and <linux/if_addr.h> on little-endian machines.
 */
import { type Ip, ipFromNumber } from '../addr/ip.ts';

/** A link as the kernel describes it. */
export interface LinkMessage {
  readonly kind: 'Link';
  readonly index: number;
  readonly name: string;
  /** Lower-case hex pairs joined by `:`; empty if the link has no hardware address. */
  readonly mac: string;
  /** `interfaceFlag`s. */
  readonly flags: number;
  /** Index of the bond, bridge or VRF that it belongs to; 0: none. */
  readonly master: number;
  /** An XDP program processes its frames before the kernel does. */
  readonly xdp: boolean;
}

/** An address of a link. */
export interface AddressMessage {
  readonly kind: 'Address' | 'AddressGone';
  /** Index of the link. */
  readonly index: number;
  readonly address: Ip;
  readonly prefix: number;
  /** The remote address of a point-to-point link; on other links the address itself. */
  readonly peer: Ip;
  /** `addressFlag`s. */
  readonly flags: number;
}

/** A queueing discipline of a link (tc(8)). */
interface QdiscMessage {
  readonly kind: 'Qdisc';
  /** Index of the link. */
  readonly index: number;
  /** Its kind: `noqueue`, `fq_codel`, `clsact`. */
  readonly name: string;
}

/** The content of a message. `End` ends a dump and `Failed` answers a request; `errno` is 0 or positive. */
export type NetlinkBody =
  | LinkMessage
  | AddressMessage
  | QdiscMessage
  | { readonly kind: 'LinkGone'; readonly index: number }
  | { readonly kind: 'End' | 'Failed'; readonly errno: number };

/** One message. */
export interface NetlinkMessage {
  readonly body: NetlinkBody;
  /** It is part of a dump (NLM_F_MULTI). Otherwise it is an event. */
  readonly dumped: boolean;
  /** Something changed during the dump, which must be repeated (NLM_F_DUMP_INTR). */
  readonly interrupted: boolean;
}

/** The kinds of dumps. */
export type DumpKind = 'links' | 'addresses' | 'qdiscs';

/** Interface flags, netdevice(7) and <linux/if.h>. */
export const interfaceFlag = { up: 0x1, loopback: 0x8, running: 0x40, noArp: 0x80, lowerUp: 0x10000 } as const;

/** Address flags of <linux/if_addr.h>. */
export const addressFlag = { optimistic: 0x04, dadFailed: 0x08, tentative: 0x40 } as const;

/** RTM_GETLINK, RTM_GETADDR and RTM_GETQDISC. */
const requestType: Readonly<Record<DumpKind, number>> = { links: 18, addresses: 22, qdiscs: 38 };

const messageType = {
  error: 2,
  done: 3,
  newLink: 16,
  delLink: 17,
  newAddress: 20,
  delAddress: 21,
  newQdisc: 36,
} as const;
const messageFlag = { request: 0x1, multi: 0x2, dumpInterrupted: 0x10, dump: 0x300 } as const;
const linkAttribute = { address: 1, name: 3, master: 10, operState: 16, xdp: 43 } as const;
const xdpAttribute = { attached: 2 } as const;
const qdiscAttribute = { kind: 1 } as const;
const addressAttribute = { address: 1, local: 2, flags: 8 } as const;

/** Bytes of `struct nlmsghdr`, `struct rtattr`, `struct ifinfomsg`, `struct ifaddrmsg` and `struct tcmsg`. */
const headerLength = 16;
const attributeHeaderLength = 4;
const linkHeaderLength = 16;
const addressHeaderLength = 8;
const qdiscHeaderLength = 20;

/** The type in an attribute's type field. The two bits above it mean "nested" and "network byte order". */
const attributeTypeMask = 0x3fff;

/** AF_UNSPEC: a message about the link itself, not from a bridge or a protocol. */
const unspecified = 0;

/** Bytes of an address, for AF_INET and AF_INET6. */
const addressLengths: Readonly<Record<number, number>> = { 2: 4, 10: 16 };

/** Encodes the request for a dump: a header and an empty `struct` of the kind, which selects all objects. */
export function encodeDumpRequest(kind: DumpKind): Uint8Array {
  const length = kind === 'qdiscs' ? qdiscHeaderLength : linkHeaderLength;
  const view = new DataView(new ArrayBuffer(headerLength + length));
  view.setUint32(0, view.byteLength, true);
  view.setUint16(4, requestType[kind], true);
  view.setUint16(6, messageFlag.request | messageFlag.dump, true);
  return new Uint8Array(view.buffer);
}

/**
 * Decodes the messages in the first `length` bytes of a datagram. Messages of other types, and messages that cannot be decoded, are
 * skipped. Everything after an invalid length is ignored.
 */
export function decodeNetlink(bytes: Uint8Array, length = bytes.length): readonly NetlinkMessage[] {
  return records(bytes.subarray(0, length), headerLength, readMessageHeader).flatMap(({ header, rest }) => {
    const body = decodeBody(header.type, rest);
    if (body === undefined) return [];
    const { flags } = header;
    const interrupted = (flags & messageFlag.dumpInterrupted) !== 0;
    return { body, dumped: (flags & messageFlag.multi) !== 0, interrupted };
  });
}

function decodeBody(type: number, bytes: Uint8Array): NetlinkBody | undefined {
  switch (type) {
    case messageType.newLink:
    case messageType.delLink:
      return decodeLink(type, bytes);
    case messageType.newAddress:
    case messageType.delAddress:
      return decodeAddress(type, bytes);
    case messageType.newQdisc:
      return decodeQdisc(bytes);
    case messageType.error:
    case messageType.done:
      return bytes.length < 4
        ? undefined
        : { kind: type === messageType.done ? 'End' : 'Failed', errno: Math.abs(viewOf(bytes).getInt32(0, true)) };
    default:
      return undefined;
  }
}

/**
 * Decodes a description of a link. Two kinds of messages describe no link: a bridge sends RTM_DELLINK with its own family when a link
 * leaves it, and a wireless driver sends RTM_NEWLINK with its own news only. Every full description contains the operational state.
 */
function decodeLink(type: number, bytes: Uint8Array): NetlinkBody | undefined {
  if (bytes.length < linkHeaderLength) return undefined;
  const view = viewOf(bytes);
  const index = view.getInt32(4, true);
  if (view.getUint8(0) !== unspecified || index <= 0) return undefined;
  if (type === messageType.delLink) return { kind: 'LinkGone', index };
  const attributes = attributesOf(bytes.subarray(linkHeaderLength));
  const name = attributes.get(linkAttribute.name);
  if (name === undefined || !attributes.has(linkAttribute.operState)) return undefined;
  return {
    kind: 'Link',
    index,
    name: cText(name),
    mac: hexPairs(attributes.get(linkAttribute.address) ?? new Uint8Array()),
    flags: view.getUint32(8, true),
    master: readUint32(attributes.get(linkAttribute.master)) ?? 0,
    xdp:
      (attributesOf(attributes.get(linkAttribute.xdp) ?? new Uint8Array()).get(xdpAttribute.attached)?.[0] ?? 0) !== 0,
  };
}

function decodeQdisc(bytes: Uint8Array): QdiscMessage | undefined {
  if (bytes.length < qdiscHeaderLength) return undefined;
  const name = attributesOf(bytes.subarray(qdiscHeaderLength)).get(qdiscAttribute.kind);
  return name && { kind: 'Qdisc', index: viewOf(bytes).getInt32(4, true), name: cText(name) };
}

function decodeAddress(type: number, bytes: Uint8Array): AddressMessage | undefined {
  if (bytes.length < addressHeaderLength) return undefined;
  const view = viewOf(bytes);
  const length = addressLengths[view.getUint8(0)];
  const prefix = view.getUint8(1);
  const attributes = attributesOf(bytes.subarray(addressHeaderLength));
  const peer = attributes.get(addressAttribute.address) ?? attributes.get(addressAttribute.local);
  // IPv4 addresses always have IFA_LOCAL, IPv6 addresses only on point-to-point links.
  const own = attributes.get(addressAttribute.local) ?? peer;
  if (length === undefined || prefix > length * 8 || own?.length !== length || peer?.length !== length)
    return undefined;
  return {
    kind: type === messageType.newAddress ? 'Address' : 'AddressGone',
    index: view.getUint32(4, true),
    address: ipFrom(own),
    prefix,
    peer: ipFrom(peer),
    // The header contains only the first eight flags.
    flags: readUint32(attributes.get(addressAttribute.flags)) ?? view.getUint8(2),
  };
}

function attributesOf(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const found = records(bytes, attributeHeaderLength, readAttributeHeader);
  return new Map(found.map(({ header, rest }) => [header.type & attributeTypeMask, rest]));
}

/** The header of a message or an attribute. `length` includes the header. */
interface Header {
  readonly length: number;
  readonly type: number;
  readonly flags: number;
}

function readMessageHeader(view: DataView, offset: number): Header {
  return {
    length: view.getUint32(offset, true),
    type: view.getUint16(offset + 4, true),
    flags: view.getUint16(offset + 6, true),
  };
}

function readAttributeHeader(view: DataView, offset: number): Header {
  return { length: view.getUint16(offset, true), type: view.getUint16(offset + 2, true), flags: 0 };
}

/** Splits bytes into messages or attributes. Both consist of a header with a length, the content, and padding to 4 bytes. */
function records(
  bytes: Uint8Array,
  leastLength: number,
  read: (view: DataView, offset: number) => Header,
): readonly { readonly header: Header; readonly rest: Uint8Array }[] {
  const view = viewOf(bytes);
  const found: { header: Header; rest: Uint8Array }[] = [];
  for (let at = 0; at + leastLength <= bytes.length; ) {
    const header = read(view, at);
    const end = at + header.length;
    if (header.length < leastLength || end > bytes.length) break;
    found.push({ header, rest: bytes.subarray(at + leastLength, end) });
    at += Math.ceil(header.length / 4) * 4;
  }
  return found;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readUint32(bytes: Uint8Array | undefined): number | undefined {
  return bytes === undefined || bytes.length < 4 ? undefined : viewOf(bytes).getUint32(0, true);
}

/** The text before the first NUL. */
function cText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
}

function hexPairs(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** The address in 4 or 16 bytes, in network byte order. */
function ipFrom(bytes: Uint8Array): Ip {
  const value = BigInt(`0x${hexPairs(bytes).replaceAll(':', '')}`);
  return ipFromNumber(value, bytes.length === 4 ? 'IPv4' : 'IPv6');
}
