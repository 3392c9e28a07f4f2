/** What is remembered of one peer. */
import type { Intake } from './claim-replica.ts';
import { type Beat, type Claim, type ClaimsDigest, noClaims } from './messages.ts';
import type { ReplayWindow } from './replay-window.ts';

/** One other node's speaker. */
export interface Peer {
  readonly node: string;
  /** The incarnation that proved that it hears us; undefined before. */
  incarnation: string | undefined;
  /** The newest incarnation that we have heard of, and when. */
  newest: string;
  newestAt: number;
  readonly ended: Set<string>;
  /** By path: what came on it, and when the newest did. */
  readonly paths: Map<string, { readonly window: ReplayWindow; at: number }>;
  /** When it was heard last, on any path, and the highest sequence of all paths. */
  heardAt: number;
  heardSequence: number;
  /** When others heard it last, as they told us. */
  vouchedAt: number;
  /** When somebody told us last that it misses it. */
  missedAt: number;
  /** When the present incarnation was first heard. */
  backAt: number;
  /** Since when it has not been dead. */
  aliveSince: number;
  beat: Beat | undefined;
  beatAt: number;
  /** Since when it has been in the state that its beats tell. */
  stateSince: number;
  /** The highest sequence of a beat that was taken in. */
  beatSequence: number;
  /** What the incarnation before claimed: it may claim that again. */
  former: ReadonlyMap<string, Claim>;
  /** The digest of all its claims, as its newest datagram told it. */
  digest: { readonly sequence: number; readonly claims: ClaimsDigest };
  /** Takes in its claims. */
  intake: Intake | undefined;
  /** Since when its claims have not been all known. */
  incompleteSince: number | undefined;
  /** It is dead: when it had been heard last, by anybody. */
  lostAt: number | undefined;
}

/** A peer of which nothing was heard yet. */
export function newPeer(node: string, now: number): Peer {
  return {
    node,
    incarnation: undefined,
    newest: '',
    newestAt: now,
    ended: new Set(),
    paths: new Map(),
    heardAt: Number.NEGATIVE_INFINITY,
    heardSequence: -1,
    vouchedAt: Number.NEGATIVE_INFINITY,
    missedAt: Number.NEGATIVE_INFINITY,
    backAt: now,
    aliveSince: now,
    beat: undefined,
    beatAt: Number.NEGATIVE_INFINITY,
    stateSince: now,
    beatSequence: -1,
    former: new Map(),
    digest: { sequence: -1, claims: noClaims },
    intake: undefined,
    incompleteSince: undefined,
    lostAt: undefined,
  };
}
