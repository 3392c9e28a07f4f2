/**
 * Shared by the tests of frames: a pair of namespaces, a responder in one, a raw sender in the
 * other, and the frames.
 */
import type { Ip } from '../../src/addr/ip.ts';
import { type ArpFrame, encodeArp } from '../../src/wire/arp.ts';
import { groupMac, ipv6TextAt, solicitedNodeGroup } from '../../src/wire/ipv6.ts';
import { encodeNdp, type NdpFrame } from '../../src/wire/ndp.ts';
import { eventually } from '../lab/poll.ts';
import { type LineProcess, type Said, startLineProcess } from './line-process.ts';
import { clientMac, createPair, linkName, type Pair, run } from './namespaces.ts';

/** A host that sends whole frames, and reports received ones. */
export interface RawHost {
  readonly raw: LineProcess;
  /** Sends a frame. */
  send(frame: Uint8Array): Promise<void>;
  /**
   * Sends a request again until it is answered, because a stalled responder drops what came
   * meanwhile. Gives the reply.
   */
  ask(request: Uint8Array, of: string): Promise<ArpFrame>;
  /** The same with a solicitation; gives the advertisement. */
  solicit(solicitation: Uint8Array, of: string): Promise<NdpFrame>;
  /** The received frames that were reported so far, without the first `from`. */
  seen(from?: number): readonly Seen[];
  /** Waits until all received frames are reported. */
  sync(): Promise<void>;
}

/** Both processes, ready. */
export interface FrameLab extends Pair, RawHost {
  readonly responder: LineProcess;
  /** Makes the responder answer these VIPs, and no others, on the node's link. */
  answer(...vips: readonly string[]): Promise<void>;
  /**
   * Sends frames between two markers that are certainly answered. Frames of one link are answered
   * in order. So a frame without an answer when the last marker is answered stays without one, and
   * answers to earlier frames came before the first marker's.
   */
  cameBack(frames: readonly Uint8Array[], marker: () => Promise<unknown>): Promise<CameBack>;
  /** The responder's counters. */
  counters(): Promise<Readonly<Record<string, number>>>;
  /** The bytes that wait in the packet sockets of the node. */
  queued(): number;
}

/** A frame that the client has received. */
export interface Seen {
  readonly arp?: ArpFrame;
  readonly ndp?: NdpFrame;
}

/** The received frames, with the answer to the marker, and by how much a counter of the responder has grown. */
export interface CameBack {
  readonly frames: readonly Seen[];
  more(counter: string): number;
}

/** Starts a lab; leaves nothing behind on failure. */
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
    const host = rawHost(raw);
    return { ...pair, ...host, responder, close, queued: () => queuedIn(pair.node), ...actionsOf(responder, host) };
  } catch (cause) {
    close();
    throw cause;
  }
}

/** Wraps a process that sends and receives frames (`frame-process.ts`). */
export function rawHost(raw: LineProcess): RawHost {
  const send = async (frame: Uint8Array) => {
    await raw.ask({ send: Buffer.from(frame).toString('hex') }, 'sent');
  };
  const seen = (from = 0) => raw.said.filter(({ kind }) => kind === 'frame').slice(from) as readonly Seen[];
  const sendUntil = <T>(frame: Uint8Array, find: (frames: readonly Seen[]) => T | undefined): Promise<T> => {
    const before = seen().length;
    const answer = () => find(seen(before));
    const attempt = async () => {
      await send(frame);
      return (await raw.until('an answer', answer, 500)) ?? false;
    };
    return eventually('an answer', attempt, { everyMs: 1 }) as Promise<T>;
  };
  return {
    raw,
    send,
    seen,
    sync: async () => {
      await raw.ask({ sync: true }, 'synced');
    },
    ask: (request: Uint8Array, of: string) =>
      sendUntil(request, (frames) => frames.find(({ arp }) => arp?.senderIp === of)?.arp),
    solicit: (solicitation: Uint8Array, of: string) =>
      sendUntil(solicitation, (frames) => frames.find(({ ndp }) => ndp?.type === 136 && ndp.target === of)?.ndp),
  };
}

function actionsOf(responder: LineProcess, { send, seen }: RawHost) {
  const counters = async () =>
    (await responder.ask({ do: 'counters' }, 'counters')) as Readonly<Record<string, number>> & Said;
  return {
    answer: async (...vips: readonly string[]) => {
      await responder.ask({ do: 'apply', links: { [linkName]: vips } }, 'done');
    },
    cameBack: async (frames: readonly Uint8Array[], marker: () => Promise<unknown>) => {
      for (;;) {
        await marker();
        const [count, before] = [seen().length, await counters()];
        for (const frame of frames) await send(frame);
        await marker();
        const after = await counters();
        const more = (name: string) => (after[name] ?? 0) - (before[name] ?? 0);
        // After a stall the counters do not show which frames were dropped: try again.
        if (more('Stalled') === 0) return { frames: seen(count), more };
      }
    },
    counters,
  };
}

/** The bytes that wait in the packet sockets of a namespace: a column of /proc/net/packet. */
function queuedIn(namespace: string): number {
  const [, ...rows] = run(namespace, 'cat', '/proc/net/packet').trim().split('\n');
  return rows.reduce((sum, row) => sum + Number(row.trim().split(/\s+/)[6]), 0);
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

/** A solicitation of the client for an address, sent to its group, with some fields replaced. */
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
