/** What the tests of frames share: a pair of namespaces, a responder in one, a raw sender in the other; and the frames. */
import type { Ip } from '../../src/addr/ip.ts';
import { type ArpFrame, encodeArp } from '../../src/wire/arp.ts';
import { groupMac, ipv6TextAt, solicitedNodeGroup } from '../../src/wire/ipv6.ts';
import { encodeNdp, type NdpFrame } from '../../src/wire/ndp.ts';
import { type LineProcess, type Said, startLineProcess } from './line-process.ts';
import { clientMac, createPair, linkName, type Pair } from './namespaces.ts';

/** Both processes, ready. */
export interface FrameLab extends Pair {
  readonly responder: LineProcess;
  readonly raw: LineProcess;
  /** Makes these VIPs, and no others, answered on the node's link. */
  answer(...vips: readonly string[]): Promise<void>;
  /** Sends a frame from the client. */
  send(frame: Uint8Array): Promise<void>;
  /** Waits for an ARP frame that says `senderIp`. */
  replyFrom(senderIp: string): Promise<ArpFrame>;
  /** Waits for an advertisement of `target`. */
  advertisementOf(target: string): Promise<NdpFrame>;
  /** The responder's counters. */
  counters(): Promise<Readonly<Record<string, number>>>;
}

/** Starts a lab; close it also on failure. */
export async function startFrameLab(): Promise<FrameLab> {
  const pair = createPair();
  const responder = startLineProcess({ namespace: pair.node, file: './responder-process.ts' });
  const raw = startLineProcess({ namespace: pair.client, file: './frame-process.ts' });
  const close = () => {
    responder.close();
    raw.close();
    pair.close();
  };
  try {
    await Promise.all([responder.next('ready'), raw.next('ready')]);
    return { ...pair, responder, raw, close, ...actionsOf(responder, raw) };
  } catch (cause) {
    close();
    throw cause;
  }
}

function actionsOf(responder: LineProcess, raw: LineProcess) {
  return {
    answer: async (...vips: readonly string[]) => {
      await responder.ask({ do: 'apply', links: { [linkName]: vips } }, 'done');
    },
    send: async (frame: Uint8Array) => {
      await raw.ask({ send: Buffer.from(frame).toString('hex') }, 'sent');
    },
    replyFrom: async (senderIp: string) => {
      for (;;) {
        const { arp } = (await raw.next('frame')) as Said & { arp?: ArpFrame };
        if (arp?.senderIp === senderIp) return arp;
      }
    },
    advertisementOf: async (target: string) => {
      for (;;) {
        const { ndp } = (await raw.next('frame')) as Said & { ndp?: NdpFrame };
        if (ndp?.type === 136 && ndp.target === target) return ndp;
      }
    },
    counters: async () =>
      (await responder.ask({ do: 'counters' }, 'counters')) as Readonly<Record<string, number>> & Said,
  };
}

/** A broadcast request of the client for an address, with some fields replaced. */
export function requestFor(target: string, change: Partial<ArpFrame> = {}): Uint8Array {
  return encodeArp({
    destination: 'ff:ff:ff:ff:ff:ff',
    source: clientMac,
    operation: 1,
    senderMac: clientMac,
    senderIp: '10.99.0.1' as Ip,
    targetMac: '00:00:00:00:00:00',
    targetIp: target as Ip,
    ...change,
  });
}

/** A solicitation of the client for an address, to its group, with some fields replaced. */
export function solicitationFor(target: string, change: Partial<NdpFrame> = {}): Uint8Array {
  const group = solicitedNodeGroup(target as Ip);
  return encodeNdp({
    destination: groupMac(group),
    source: clientMac,
    sourceIp: 'fd99::1' as Ip,
    destinationIp: ipv6TextAt(group, 0),
    type: 135,
    flags: 0,
    target: target as Ip,
    linkAddress: clientMac,
    ...change,
  });
}

/** The frame with an IEEE 802.1Q tag of this VLAN after the addresses. */
export function withVlanTag(frame: Uint8Array, vlan: number): Uint8Array {
  return Uint8Array.from([...frame.subarray(0, 12), 0x81, 0x00, vlan >> 8, vlan & 0xff, ...frame.subarray(12)]);
}
