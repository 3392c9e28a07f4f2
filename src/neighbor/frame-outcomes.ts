/** What the responders are given and what may become of a frame; they decide in `responder-arp.ts` and `responder-ndp.ts`. */
import { arpFaults } from '../wire/arp.ts';
import { ndpFaults } from '../wire/ndp.ts';

/**
 * Why a readable frame is not answered:
 * - `FromSelf` it carries our own hardware address as sender;
 * - `NotForUs` the frame is neither for our hardware address nor for a group that asks for the address in question;
 * - `ForeignClaim` another host uses one of our VIPs as its own address (RFC 5227 section 2.4 calls it a conflict);
 * - `NotRequest` it is a reply, an advertisement or another operation;
 * - `NotOurVip` it asks for an address that this link does not answer;
 * - `SenderNotStation` the sender's hardware address is a group or zero: a reply would go to everybody (RFC 1812 section 3.3.2).
 */
const silenceReasons = ['FromSelf', 'NotForUs', 'ForeignClaim', 'NotRequest', 'NotOurVip', 'SenderNotStation'] as const;

/** Every reason why a frame is not answered. */
export const dropReasons = [...new Set([...arpFaults, ...ndpFaults, ...silenceReasons])] as const;

/** One of {@link dropReasons}. */
export type DropReason = (typeof dropReasons)[number];

/** What became of a frame. */
export type FrameOutcome = 'Answered' | DropReason;

/** A received frame and the room for its answer; all buffers are the caller's and are used again. */
export interface Exchange {
  request: Uint8Array;
  /** Bytes of `request` that were received. */
  length: number;
  /** At least as long as the responder's answers; written only if the verdict is `Answered`. */
  reply: Uint8Array;
}
