/** What is remembered of one peer. */
import type { ClaimReplica } from './claim-replica.ts';
import { type Claim, type ClaimsDigest, type Heartbeat, noClaims } from './messages.ts';
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
  confirmedAliveAt: number;
  /** When somebody told us last that it misses it. */
  missedAt: number;
  /** When the present incarnation was first heard. */
  backAt: number;
  /** Since when it has not been dead. */
  aliveSince: number;
  heartbeat: Heartbeat | undefined;
  heartbeatAt: number;
  /** Since when it has been in the state that its beats tell. */
  stateSince: number;
  /** The highest sequence of a beat that was taken in. */
  heartbeatSequence: number;
  /** What the incarnation before claimed: it may claim that again. */
  former: ReadonlyMap<string, Claim>;
  /** The digest of all its claims, as its newest datagram told it. */
  digest: { readonly sequence: number; readonly claims: ClaimsDigest };
  /** Takes in its claims. */
  replica: ClaimReplica | undefined;
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
    confirmedAliveAt: Number.NEGATIVE_INFINITY,
    missedAt: Number.NEGATIVE_INFINITY,
    backAt: now,
    aliveSince: now,
    heartbeat: undefined,
    heartbeatAt: Number.NEGATIVE_INFINITY,
    stateSince: now,
    heartbeatSequence: -1,
    former: new Map(),
    digest: { sequence: -1, claims: noClaims },
    replica: undefined,
    incompleteSince: undefined,
    lostAt: undefined,
  };
}
