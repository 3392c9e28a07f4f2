/** Ethernet II frames (RFC 894): header fields, and hardware addresses as bytes and as text. */

/** Bytes of an Ethernet II header: destination, source, EtherType. */
export const ethernetHeaderLength = 14;

/** The EtherTypes that Berth uses (IANA "IEEE 802 Numbers"). */
export const etherType = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd, vlan: 0x8100, serviceVlan: 0x88a8 } as const;

/** The offset of each field of the header. */
export const ethernetOffset = { destination: 0, source: 6, etherType: 12 } as const;

/** The broadcast address. */
export const broadcastMac = 'ff:ff:ff:ff:ff:ff';

/** Bytes of a hardware address. */
export const macLength = 6;

/** Reads unsigned 16 bits in network byte order. The caller must have checked the length. */
export function readUint16(frame: Uint8Array, offset: number): number {
  return (byteAt(frame, offset) << 8) | byteAt(frame, offset + 1);
}

/** Writes 16 bits in network byte order. */
export function writeUint16(frame: Uint8Array, offset: number, value: number): void {
  frame[offset] = value >> 8;
  frame[offset + 1] = value & 0xff;
}

/** Reads signed 32 bits in network byte order. V8 stores them without allocation, which it cannot do with unsigned numbers above 2^31. */
export function readInt32(frame: Uint8Array, offset: number): number {
  return (readUint16(frame, offset) << 16) | readUint16(frame, offset + 2);
}

/** Reads one byte; 0 after the end, which no caller reaches after its length check. */
export function byteAt(frame: Uint8Array, offset: number): number {
  return frame[offset] ?? 0;
}

/** Are the six bytes at `offset` this hardware address? */
export function isMacAt(frame: Uint8Array, offset: number, mac: Uint8Array): boolean {
  for (let i = 0; i < macLength; i++) if (frame[offset + i] !== mac[i]) return false;
  return true;
}

/** Is the address at `offset` the broadcast address? */
export function isBroadcastAt(frame: Uint8Array, offset: number): boolean {
  for (let i = 0; i < macLength; i++) if (frame[offset + i] !== 0xff) return false;
  return true;
}

/** Is the address at `offset` that of one station: neither a group address (IEEE 802, lowest bit of the first byte) nor zero? */
export function isStationAt(frame: Uint8Array, offset: number): boolean {
  if ((byteAt(frame, offset) & 1) === 1) return false;
  for (let i = 0; i < macLength; i++) if (frame[offset + i] !== 0) return true;
  return false;
}

/** The hardware address at `offset`, as lower-case `aa:bb:cc:dd:ee:ff`. */
export function macTextAt(frame: Uint8Array, offset: number): string {
  return Array.from(frame.subarray(offset, offset + macLength), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** The six bytes of a hardware address. Throws a TypeError if the text is not six hex pairs joined by `:`. */
export function macBytes(mac: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(mac)) throw new TypeError(`"${mac}" is not an Ethernet hardware address`);
  return Uint8Array.from(mac.split(':'), (pair) => Number.parseInt(pair, 16));
}
