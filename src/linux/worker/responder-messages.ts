/** The messages between the main thread and the packet worker. */
import type { Family, Ip } from '../../addr/ip.ts';

/** The VIPs that one link must answer for in one family, prepared for the hot path. */
export interface LinkTable {
  readonly name: string;
  readonly index: number;
  /** The six bytes of the hardware address. */
  readonly mac: Uint8Array;
  readonly family: Family;
  /** The VIPs: IPv4 addresses encoded by `ipv4Key`, IPv6 addresses by `packIpv6`. */
  readonly vips: Int32Array;
  /** The hardware address in the answer for each VIP, six bytes each. */
  readonly macs: Uint8Array;
}

/**
 * A message to the worker: the complete desired state, or the request to end. `number` counts the tables from 1. `stalls` is the number of
 * stalls of the worker that the main thread knew of when it decided the tables.
 */
export type ToWorker =
  | {
      readonly kind: 'Tables';
      readonly number: number;
      readonly stalls: number;
      readonly links: readonly LinkTable[];
    }
  | { readonly kind: 'Close' };

/** A link that is no longer answered, or could not be opened. The other links are not affected. */
export interface LinkFailure {
  readonly link: string;
  /** The name of the errno: `ENETDOWN` if the link is down or gone, `ENODEV` if it was gone before, ... */
  readonly code: string;
  readonly message: string;
}

/**
 * A host claims an address for its hardware address, by a reply or an unsolicited message. It is evidence about the link on which the frame
 * arrived, and about no other one.
 */
export interface HeardClaim {
  readonly address: Ip;
  readonly mac: string;
  /** The name of that link. */
  readonly link: string;
}

/**
 * A message to the main thread. `Applied`: the tables with this number are in effect. `Stalled`: the worker was paused; `number` counts its
 * stalls. It answers nothing until it has tables that were decided after the main thread knew of this stall.
 */
export type FromWorker =
  | { readonly kind: 'Applied'; readonly number: number }
  | { readonly kind: 'Ready' }
  | { readonly kind: 'Stalled'; readonly number: number; readonly ms: number }
  | { readonly kind: 'Heard'; readonly claim: HeardClaim }
  | { readonly kind: 'LinkFailed'; readonly failure: LinkFailure };

/** The start parameters of the worker. */
export interface WorkerStart {
  /** SharedArrayBuffer of `responder-memory.ts`. */
  readonly memory: SharedArrayBuffer;
  /** The eventfd that is written after each message. */
  readonly wakeFd: number;
}
