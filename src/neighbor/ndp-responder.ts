/**
 * Decides whether a received Neighbor Solicitation is answered. Writes the advertisement (RFC 4861 section 7.2.4), or
 * returns the reason why there is none.
 */
import { isMacAt, isStationAt, macBytes, macLength } from '../wire/ethernet.ts';
import { allNodes, ipv6Bytes, ipv6Length, isUnspecifiedAt } from '../wire/ipv6.ts';
import { hasIpv6At, type Ipv6Set, indexOfIpv6At } from '../wire/ipv6-set.ts';
import {
  checkNdp,
  isSolicitation,
  linkAddressAt,
  ndpFlag,
  ndpFrameLength,
  ndpOffset,
  ndpType,
  writeLinkAddressOption,
  writeNdpChecksum,
  writeNdpHeader,
} from '../wire/ndp.ts';
import type { DropReason, Exchange, FrameOutcome } from './frame-outcomes.ts';

/** The VIPs that are answered on one link. */
export interface NdpLink {
  /** The six bytes of the link's hardware address. */
  readonly mac: Uint8Array;
  /** The VIPs that are answered on this link. */
  readonly vips: Ipv6Set;
  /**
   * The hardware address in the answer for each of them, six bytes each. That is the link's own address, or the address
   * of a restarting node for which this node stands in.
   */
  readonly macs: Uint8Array;
}

/**
 * Decides on a frame. If the outcome is `Answered`, the caller must send `ndpFrameLength` bytes of `reply`. Allocates
 * nothing.
 */
export function respondToNdp(link: NdpLink, exchange: Exchange): FrameOutcome {
  const { request, reply } = exchange;
  const reason = checkNdp(request, exchange.length) ?? reasonForSilence(link, request);
  if (reason !== undefined) return reason;
  writeAdvertisement(link, request, reply);
  return 'Answered';
}

function reasonForSilence({ mac, vips }: NdpLink, request: Uint8Array): DropReason | undefined {
  const sender = senderAt(request);
  if (isMacAt(request, sender, mac) || isMacAt(request, ndpOffset.source, mac)) return 'FromSelf';
  if (!isForUs(request, mac)) return 'NotForUs';
  if (isClaim(request, vips)) return 'ForeignClaim';
  if (!isSolicitation(request)) return 'NotRequest';
  if (!hasIpv6At(vips, request, ndpOffset.target)) return 'NotOurVip';
  return isStationAt(request, sender) ? undefined : 'SenderNotStation';
}

/**
 * The offset of the sender's hardware address: in its option, or without the option in the Ethernet header. Probes of a
 * known neighbor need no option (RFC 4861 section 7.2.2), and the address that they came from reaches their sender.
 */
function senderAt(request: Uint8Array): number {
  return linkAddressAt(request) || ndpOffset.source;
}

const allNodesMac = macBytes(allNodes.mac);
const allNodesIp = ipv6Bytes(allNodes.ip);

/** The destination is our hardware address, all nodes, or the solicited-node group of the requested address. */
function isForUs(request: Uint8Array, mac: Uint8Array): boolean {
  const { destination } = ndpOffset;
  return isMacAt(request, destination, mac) || isMacAt(request, destination, allNodesMac) || isToGroupOfTarget(request);
}

/** 33:33 and the last 32 bits of the group (RFC 2464 section 7); they end with the last 24 bits of the target. */
function isToGroupOfTarget(request: Uint8Array): boolean {
  const { destination, target } = ndpOffset;
  if (request[destination] !== 0x33 || request[destination + 1] !== 0x33 || request[destination + 2] !== 0xff)
    return false;
  for (let i = 1; i <= 3; i++) {
    if (request[destination + macLength - i] !== request[target + ipv6Length - i]) return false;
  }
  return true;
}

/**
 * An advertisement claims its target and its source. A solicitation claims its source only: from `::` it asks whether
 * its target is free.
 */
function isClaim(request: Uint8Array, vips: Ipv6Set): boolean {
  if (hasIpv6At(vips, request, ndpOffset.sourceIp)) return true;
  return !isSolicitation(request) && hasIpv6At(vips, request, ndpOffset.target);
}

/**
 * The source of the advertisement is the VIP, as if the kernel owned the address. Linux does the same; other systems
 * use their link-local address. Receivers look at the target only (RFC 4861 section 7.2.5), so a link without a
 * link-local address can answer too. The router flag (R) is not set. The address is not anycast, so the override flag
 * (O) is set.
 *
 * A host that checks from `::` whether the address is free (DAD) has no address to reply to. So the advertisement goes
 * to all nodes, and the host gives up the address (RFC 4862 section 5.4.4).
 */
function writeAdvertisement({ mac, vips, macs }: NdpLink, request: Uint8Array, reply: Uint8Array): void {
  const probe = isUnspecifiedAt(request, ndpOffset.sourceIp);
  const sender = senderAt(request);
  writeNdpHeader(reply, ndpType.advertisement, ndpFrameLength);
  reply[ndpOffset.flags] = probe ? ndpFlag.override : ndpFlag.override | ndpFlag.solicited;
  const option = writeLinkAddressOption(reply);
  const answer = indexOfIpv6At(vips, request, ndpOffset.target) * macLength;
  for (let i = 0; i < macLength; i++) {
    reply[ndpOffset.destination + i] = (probe ? allNodesMac[i] : request[sender + i]) ?? 0;
    // The frame's source is always the link's own address: switches learn from it where a host is.
    reply[ndpOffset.source + i] = mac[i] ?? 0;
    reply[option + i] = macs[answer + i] ?? 0;
  }
  for (let i = 0; i < ipv6Length; i++) {
    const vip = request[ndpOffset.target + i] ?? 0;
    reply[ndpOffset.sourceIp + i] = vip;
    reply[ndpOffset.target + i] = vip;
    reply[ndpOffset.destinationIp + i] = (probe ? allNodesIp[i] : request[ndpOffset.sourceIp + i]) ?? 0;
  }
  writeNdpChecksum(reply);
}
