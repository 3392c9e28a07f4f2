/** The frames that announce a VIP to neighbors that did not ask: gratuitous ARP and unsolicited Neighbor Advertisements. */
import type { Ip } from '../addr/ip.ts';
import { arpOperation, encodeArp } from '../wire/arp.ts';
import { broadcastMac } from '../wire/ethernet.ts';
import { allNodes } from '../wire/ipv6.ts';
import { encodeNdp, ndpFlag, ndpType } from '../wire/ndp.ts';
import type { DueFrame } from './gratuitous-schedule.ts';

/** The target hardware address of a request form: not asked for (RFC 5227 section 1.1: SHOULD be zero). */
const unknownMac = '00:00:00:00:00:00';

/** A frame to all neighbors that says the VIP is at `mac`. */
export function encodeUnsolicited(mac: string, { vip, form }: DueFrame): Uint8Array {
  return form === 'Advertisement' ? encodeAdvertisement(mac, vip) : encodeGarp(mac, vip, form);
}

/**
 * The reply form carries the sender's hardware address as target too: Linux takes it for gratuitous only then, and otherwise
 * ignores it for a second after any earlier reply (`arp_is_garp` and `locktime`, arp(7)).
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
 * To all nodes, unsolicited, overriding what they knew (RFC 4861 section 7.2.6). Only those that have an entry for the VIP change it; the
 * others ask when they want to know. It comes from the VIP, as `responder-ndp.ts` says: the kernel's link-local address may be
 * tentative still, which no packet may come from (RFC 4862 section 5.4), just when a link comes up and all of its VIPs are announced.
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
