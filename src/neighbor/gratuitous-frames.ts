/** Encodes the frames that announce a VIP without a request: gratuitous ARP and unsolicited Neighbor Advertisements. */
import type { Ip } from '../addr/ip.ts';
import { arpOperation, encodeArp } from '../wire/arp.ts';
import { broadcastMac } from '../wire/ethernet.ts';
import { allNodes } from '../wire/ipv6.ts';
import { encodeNdp, ndpFlag, ndpType } from '../wire/ndp.ts';
import type { DueFrame } from './gratuitous-schedule.ts';

/** The target hardware address of a request: not used (RFC 5227 section 1.1: SHOULD be zero). */
const unknownMac = '00:00:00:00:00:00';

/** A frame that announces to all neighbors that the VIP is at `mac`. */
export function encodeUnsolicited(mac: string, { vip, form }: DueFrame): Uint8Array {
  return form === 'Advertisement' ? encodeAdvertisement(mac, vip) : encodeGarp(mac, vip, form);
}

/**
 * The reply form carries the sender's hardware address also as the target. Linux treats it as gratuitous only then.
 * Otherwise Linux ignores it for one second after any earlier reply (`arp_is_garp` and `locktime`, arp(7)).
 */
function encodeGarp(mac: string, vip: Ip, form: 'Request' | 'Reply'): Uint8Array {
  const request = form === 'Request';
  return encodeArp({
    destination: broadcastMac,
    source: mac,
    operation: request ? arpOperation.request : arpOperation.reply,
    senderMac: mac,
    senderIp: vip,
    targetMac: request ? unknownMac : mac,
    targetIp: vip,
  });
}

/**
 * Goes to all nodes, unsolicited, with the override flag (RFC 4861 section 7.2.6). Only hosts that have an entry for
 * the VIP change it; other hosts solicit the address when they need it. The source is the VIP, for the reasons in
 * `ndp-responder.ts`, and for one more. When a link comes up, all its VIPs are announced, and the kernel's link-local
 * address may still be tentative: no packet may come from a tentative address (RFC 4862 section 5.4).
 */
function encodeAdvertisement(mac: string, vip: Ip): Uint8Array {
  return encodeNdp({
    destination: allNodes.mac,
    source: mac,
    sourceIp: vip,
    destinationIp: allNodes.ip,
    type: ndpType.advertisement,
    flags: ndpFlag.override,
    target: vip,
    linkAddress: mac,
  });
}
