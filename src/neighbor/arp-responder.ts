/**
 * Decides whether a received ARP frame is answered. Writes the reply (RFC 826), or returns the reason why there is
 * none.
 */
import { arpOffset, arpOperation, checkArp, ipv4Length, writeArpHeader } from '../wire/arp.ts';
import { isBroadcastAt, isMacAt, isStationAt, macLength, readInt32, readUint16 } from '../wire/ethernet.ts';
import type { DropReason, Exchange, FrameOutcome } from './frame-outcomes.ts';

/** The VIPs that are answered on one link. */
export interface ArpLink {
  /** The six bytes of the link's hardware address. */
  readonly mac: Uint8Array;
  /**
   * The VIPs that are answered on this link, each as `ipv4Key` returns it, and the hardware address in the reply. That
   * is the link's own address, or the address of a restarting node for which this node stands in.
   */
  readonly vips: ReadonlyMap<number, Uint8Array>;
}

/**
 * Decides on a frame. If the outcome is `Answered`, the caller must send `arpFrameLength` bytes of `reply`. Allocates
 * nothing.
 */
export function respondToArp(link: ArpLink, exchange: Exchange): FrameOutcome {
  const { request, reply } = exchange;
  const reason = checkArp(request, exchange.length) ?? reasonForSilence(link, request);
  if (reason !== undefined) return reason;
  writeReply(link, request, reply);
  return 'Answered';
}

/**
 * ARP probes (sender address 0.0.0.0) are answered like any request: the reply defends the VIP (RFC 5227 section
 * 2.1.1).
 */
function reasonForSilence(link: ArpLink, request: Uint8Array): DropReason | undefined {
  if (isMacAt(request, arpOffset.senderMac, link.mac)) return 'FromSelf';
  if (!isBroadcastAt(request, arpOffset.destination) && !isMacAt(request, arpOffset.destination, link.mac)) {
    return 'NotForUs';
  }
  if (link.vips.has(readInt32(request, arpOffset.senderIp))) return 'ForeignClaim';
  if (readUint16(request, arpOffset.operation) !== arpOperation.request) return 'NotRequest';
  if (!link.vips.has(readInt32(request, arpOffset.targetIp))) return 'NotOurVip';
  return isStationAt(request, arpOffset.senderMac) ? undefined : 'SenderNotStation';
}

/**
 * The reply goes to the sender's hardware address only; sender and target change places (RFC 826 "Packet Reception").
 * The frame's source is always the link's own address: switches learn from it where a host is.
 */
function writeReply({ mac, vips }: ArpLink, request: Uint8Array, reply: Uint8Array): void {
  writeArpHeader(reply, arpOperation.reply);
  const answer = vips.get(readInt32(request, arpOffset.targetIp)) ?? mac;
  for (let i = 0; i < macLength; i++) {
    const requester = request[arpOffset.senderMac + i] ?? 0;
    reply[arpOffset.destination + i] = requester;
    reply[arpOffset.targetMac + i] = requester;
    reply[arpOffset.source + i] = mac[i] ?? 0;
    reply[arpOffset.senderMac + i] = answer[i] ?? 0;
  }
  for (let i = 0; i < ipv4Length; i++) {
    reply[arpOffset.senderIp + i] = request[arpOffset.targetIp + i] ?? 0;
    reply[arpOffset.targetIp + i] = request[arpOffset.senderIp + i] ?? 0;
  }
}
