/** What the main thread and the packet worker tell each other. */
import type { Family, Ip } from '../../addr/ip.ts';

/** What one link is to answer in one family, ready for the hot path. */
export interface LinkTable {
  readonly name: string;
  readonly index: number;
  /** The six bytes of the hardware address. */
  readonly mac: Uint8Array;
  readonly family: Family;
  /** The VIPs: of IPv4 each as `ipv4Key` gives it, of IPv6 all as `packIpv6` does. */
  readonly vips: Int32Array;
  /** The hardware address to answer for each of them, six bytes each. */
  readonly macs: Uint8Array;
}

/**
 * To the worker: the whole desired state, or the end. `number` counts the tables from 1. `stalls` is how many stalls of the worker the
 * main thread knew of when it decided what the tables say.
 */
export type ToWorker =
  | {
      readonly kind: 'Tables';
      readonly number: number;
      readonly stalls: number;
      readonly links: readonly LinkTable[];
    }
  | { readonly kind: 'Close' };

/** A link that is not answered any more, or could not be opened; the others go on. */
export interface LinkFailure {
  readonly link: string;
  /** The errno's name: `ENETDOWN` the link is down or gone, `ENODEV` it was gone before, ... */
  readonly code: string;
  readonly message: string;
}

/** A host says, by a reply or a claim of its own, that an address is at its hardware address. */
export interface HeardClaim {
  readonly address: Ip;
  readonly mac: string;
}

/**
 * To the main thread. `Applied`: the tables of this number are in effect. `Stalled`: the worker stood still, for the time of this number,
 * and answers nothing until it has tables that were decided on in this knowledge.
 */
export type FromWorker =
  | { readonly kind: 'Applied'; readonly number: number }
  | { readonly kind: 'Ready' }
  | { readonly kind: 'Stalled'; readonly number: number; readonly ms: number }
  | ({ readonly kind: 'Heard' } & HeardClaim)
  | { readonly kind: 'LinkFailed'; readonly failure: LinkFailure };

/** What the worker is started with. */
export interface WorkerStart {
  /** SharedArrayBuffer of `responder-memory.ts`. */
  readonly memory: SharedArrayBuffer;
  /** The eventfd that is written after each message. */
  readonly wakeFd: number;
}
