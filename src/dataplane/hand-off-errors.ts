/**
 * ICMP errors about packets of the hand-off `NodePort` (Path MTU discovery, RFC 1191): the packet that they carry is the one that was sent,
 * with the VIP as its source, while the kernel knows the connection by the node port. So what they carry is rewritten too.
 */
import { type Ip, ipToNumber } from '../addr/ip.ts';
import { dialects } from './family.ts';
import { chain, type Part } from './part.ts';
import type { Protocol } from './spread.ts';

/** A port whose packets are rewritten, and what to. */
export interface Rewritten {
  readonly address: Ip;
  readonly protocol: Protocol;
  readonly port: number;
  readonly nodePort: number;
}

/** Numbers of the transport protocols in the IP header. */
const numbers = { tcp: 6, udp: 17, sctp: 132 } as const;

/** Of the message, from its beginning in bits: what the sender leaves zero, and in the packet that it carries (no options) protocol, source and source port. */
const unused = '@th,32,16';
const innerSource = '@th,160,32';
const innerPort = '@th,224,16';
const key = `ip daddr . @th,136,8 . ${innerPort}`;

/**
 * nft does not keep the checksum of ICMP right when the message's body changes. So the change is made up for in a word of the header that
 * is zero in the messages of Linux and most routers; one with something in it (RFC 4884) is left alone, and the kernel drops it.
 */
export function handOffErrors(ports: readonly Rewritten[], own: Ip, zone: number): Part {
  const keyed = ports.map(
    (port) => [`${port.address} . ${hex(numbers[port.protocol])} . ${hex(port.port)}`, port] as const,
  );
  return {
    collections: {
      error_ports: {
        kind: 'map',
        spec: `typeof ${key} : ${innerPort}`,
        elements: new Map(keyed.map(([at, { nodePort }]) => [at, hex(nodePort)])),
      },
      error_sums: {
        kind: 'map',
        spec: `typeof ${key} : ${unused}`,
        elements: new Map(keyed.map(([at, port]) => [at, hex(balance(port, own))])),
      },
    },
    chains: {
      hand_off_error: chain(
        `ct original zone set ${zone}`,
        `${unused} set ${key} map @error_sums`,
        `${innerPort} set ${key} map @error_ports`,
        `${innerSource} set ${hex(Number(ipToNumber(own)))}`,
        `ip daddr set ${own}`,
      ),
    },
  };
}

/** The rule that leads there. An error is sent to the source of the packet that caused it, so that need not be looked at once more. */
export const errorRule = `${dialects.IPv4.errors} ${unused} 0 ${key} @error_ports goto hand_off_error`;

/** What must be added to a sum of words in one's complement (RFC 1071) to make up for the new source and port. */
function balance({ address, port, nodePort }: Rewritten, own: Ip): number {
  const words = (ip: Ip) => {
    const value = Number(ipToNumber(ip));
    return [value >>> 16, value & 0xffff];
  };
  const before = [...words(address), port];
  const after = [...words(own), nodePort];
  let sum = [...before, ...after.map((word) => word ^ 0xffff)].reduce((all, word) => all + word, 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
