/** The input of the responders (`arp-responder.ts`, `ndp-responder.ts`), and the possible outcomes of a frame. */
import { arpFaults } from '../wire/arp.ts';
import { ndpFaults } from '../wire/ndp.ts';

/**
 * Why a well-formed frame is not answered:
 * - `FromSelf`: its sender is this link's own hardware address;
 * - `NotForUs`: its destination is neither this link's hardware address nor a group for the requested address;
 * - `ForeignClaim`: another host uses one of this link's VIPs as its own address (a conflict, RFC 5227 section 2.4);
 * - `NotRequest`: it is a reply, an advertisement or another operation;
 * - `NotOurVip`: it requests an address that is not answered on this link;
 * - `SenderNotStation`: the sender's hardware address is a group or zero, so a reply would go to all hosts
 *   (RFC 1812 section 3.3.2).
 */
const silenceReasons = ['FromSelf', 'NotForUs', 'ForeignClaim', 'NotRequest', 'NotOurVip', 'SenderNotStation'] as const;

/** Every reason why a frame is not answered. */
export const dropReasons = [...new Set([...arpFaults, ...ndpFaults, ...silenceReasons])] as const;

/** One of {@link dropReasons}. */
export type DropReason = (typeof dropReasons)[number];

/** The outcome of a frame. */
export type FrameOutcome = 'Answered' | DropReason;

/** A received frame and a buffer for its reply. The caller owns all buffers and uses them again. */
export interface Exchange {
  request: Uint8Array;
  /** Bytes of `request` that were received. */
  length: number;
  /** At least as long as the responder's replies; written only if the outcome is `Answered`. */
  reply: Uint8Array;
}
