/** Decides what one received Neighbor Solicitation is answered, and writes the answer (RFC 4861 section 7.2.4), or names the reason for silence. */
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

/** What one link answers. */
export interface NdpLink {
  /** The six bytes of the link's hardware address. */
  readonly mac: Uint8Array;
  /** The VIPs answered on this link. */
  readonly vips: Ipv6Set;
  /**
   * The hardware address to answer for each of them, six bytes each: this link's own, or that of a node which restarts and for which this
   * one stands in.
   */
  readonly macs: Uint8Array;
}

/** Decides on a frame; if the verdict is `Answered`, `ndpFrameLength` bytes of `reply` are to be sent. Allocates nothing. */
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
 * Where the sender's hardware address is: in its option, and where there is none in the Ethernet header. Probes of a known
 * neighbor need no option (RFC 4861 section 7.2.2), and their sender can be reached where they came from.
 */
function senderAt(request: Uint8Array): number {
  return linkAddressAt(request) || ndpOffset.source;
}

const allNodesMac = macBytes(allNodes.mac);
const allNodesIp = ipv6Bytes(allNodes.ip);

/** To our hardware address, to all, or to the solicited-node group of the very address that is asked for. */
function isForUs(request: Uint8Array, mac: Uint8Array): boolean {
  const { destination } = ndpOffset;
  return isMacAt(request, destination, mac) || isMacAt(request, destination, allNodesMac) || isToGroupOfTarget(request);
}

/** 33:33 and the last 32 bits of the group (RFC 2464 section 7), which end with the last 24 bits of the target. */
function isToGroupOfTarget(request: Uint8Array): boolean {
  const { destination, target } = ndpOffset;
  if (request[destination] !== 0x33 || request[destination + 1] !== 0x33 || request[destination + 2] !== 0xff)
    return false;
  for (let i = 1; i <= 3; i++) {
    if (request[destination + macLength - i] !== request[target + ipv6Length - i]) return false;
  }
  return true;
}

/** An advertisement claims its target and its source, a solicitation its source only: with `::` it asks whether it may have the target. */
function isClaim(request: Uint8Array, vips: Ipv6Set): boolean {
  if (hasIpv6At(vips, request, ndpOffset.sourceIp)) return true;
  return !isSolicitation(request) && hasIpv6At(vips, request, ndpOffset.target);
}

/**
 * The advertisement comes from the VIP, as it would from a kernel that owns the address: Linux does so, others use their
 * link-local address, and receivers look at the target alone (RFC 4861 section 7.2.5). So a link without a link-local address
 * can answer too. No router (R), not anycast, so it overrides what the neighbor knew (O). A host that asks from `::` whether
 * the address is free (DAD) cannot be reached by address: all nodes are told, and it gives way (RFC 4862 section 5.4.4).
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
    // The frame's source is always our own: switches learn from it where a host is.
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
