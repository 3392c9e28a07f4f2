/** The state that a speaker keeps of one peer. */
import type { ClaimReplica } from './claim-replica.ts';
import { type Claim, type ClaimsDigest, type Heartbeat, noClaims } from './messages.ts';
import type { ReplayWindow } from './replay-window.ts';

/** The speaker of another node. */
export interface Peer {
  readonly node: string;
  /** The incarnation that has proved that it hears this node; undefined before that. */
  incarnation: string | undefined;
  /** The newest incarnation that this node has heard of, and when. */
  newest: string;
  newestAt: number;
  readonly ended: Set<string>;
  /** By path: the sequences that arrived on it, and when the newest did. */
  readonly paths: Map<string, { readonly window: ReplayWindow; at: number }>;
  /** When it was last heard on any path, and the highest sequence of all paths. */
  heardAt: number;
  heardSequence: number;
  /** When another peer last heard it, according to that peer's heartbeats. */
  confirmedAliveAt: number;
  /** When a peer last reported that it misses this one. */
  missedAt: number;
  /** When it told another peer that it restarts, according to that peer's heartbeats. */
  toldRestartAt: number;
  /** When the present incarnation was first heard. */
  backAt: number;
  /** Since when it has been known and not dead. */
  aliveSince: number;
  heartbeat: Heartbeat | undefined;
  heartbeatAt: number;
  /** Since when its heartbeats carry their present state. */
  stateSince: number;
  /** The highest sequence of its heartbeats so far. */
  heartbeatSequence: number;
  /** The claims of the incarnation before: it may make them again. */
  former: ReadonlyMap<string, Claim>;
  /** The digest of all its claims, from its newest datagram. */
  digest: { readonly sequence: number; readonly claims: ClaimsDigest };
  /** Applies the claims that it sends. */
  replica: ClaimReplica | undefined;
  /** Since when this node's copy of its claims is incomplete. */
  incompleteSince: number | undefined;
  /** Set while it is dead: when it was last heard, by any node. */
  lostAt: number | undefined;
}

/** A peer that was not heard yet. */
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
    toldRestartAt: Number.NEGATIVE_INFINITY,
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
