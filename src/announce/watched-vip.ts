/** A VIP that this node holds, what is known of other hosts that use it, and when it is probed next. */
import type { Ip } from '../addr/ip.ts';
import type { ForeignHost } from './foreign-host.ts';
import type { HostKind } from './proxies.ts';

/** A VIP that this node holds. */
export interface HeldVip {
  readonly uid: string;
  readonly address: Ip;
  /** It was never announced before, as far as this node knows. */
  readonly isFirst: boolean;
  /**
   * Berth has not announced it yet, and took it over from another program of the cluster, which may still answer for it
   * on a node. Only a host that is no node prevents its announcement.
   */
  readonly isAdopted?: boolean;
  /** The links on which this node holds it. What is heard on another link is no claim to it. */
  readonly links: readonly string[];
  /** The link of this node that has the address itself, if it was not announced before. */
  readonly owner?: AddressOwner | undefined;
}

/** A link of a node that has an address itself. */
export interface AddressOwner {
  readonly node: string;
  readonly link: string;
  readonly mac: string;
}

/** A host claims an address, by a frame that arrived on a link; `node` is set if it is a node of the cluster. */
export interface Claim {
  readonly address: Ip;
  readonly mac: string;
  readonly link: string;
  readonly node: string | undefined;
  /** What the host is: the claims of a proxy are ignored, those of an unknown host wait. */
  readonly kind: HostKind;
}

/** Whether another host uses a VIP. `proxy` is a host that answers for it because it answers for any address. */
export type ConflictState =
  | { readonly kind: 'Clear'; readonly proxy?: string }
  /** It is probed before it is announced for the first time. */
  | { readonly kind: 'Probing' }
  /** Another host answered: it is not announced. */
  | { readonly kind: 'Taken'; readonly mac: string }
  /**
   * Another program on a node of the cluster answered: it is not announced until that stops. Or `link` of this node has
   * the address itself.
   */
  | { readonly kind: 'OtherProgram'; readonly mac: string; readonly node: string; readonly link?: string }
  /** It is announced, and another host claims it too. `node` is set if that is a node of the cluster. */
  | { readonly kind: 'Contested'; readonly mac: string; readonly node: string | undefined };

/** A VIP that is watched. */
export interface Watched {
  vip: HeldVip;
  state: ConflictState;
  since: number;
  probedAt: number;
  pauseMs: number;
  /** Probes since the last answer. */
  unanswered: number;
  foreign: ForeignHost | undefined;
  /** When a host that is no node last claimed it, while it was announced. */
  claimedAt: number;
  defendedAt: number;
  /** When another node of the cluster claimed the VIP, if it was not corrected since. */
  strayAt: number | undefined;
  proxy: string | undefined;
  /** The last claim of a host of which it is not known whether it is a proxy. */
  pending: Claim | undefined;
}

/** Before its first announcement a VIP is probed this often, with this pause. */
export const firstProbes = { count: 3, pauseMs: 100 } as const;
/**
 * A VIP that another host has is probed again after this time, which doubles up to the longest. It is free after three
 * unanswered probes.
 */
export const retryMs = { first: 250, longest: 10_000 } as const;
/** A VIP is defended at most this often (RFC 5227 section 2.4 (b)). */
export const defendMs = 10_000;
/** A foreign claim is reported for this long. */
export const contestedMs = 60_000;
/**
 * A node that stood still, or returned, may claim a VIP that it no longer holds, and clients believe the newest frame.
 * So the holder announces the VIP again after this time, when it is clear that it is still the holder.
 */
export const strayMs = 300;

/** The state of a VIP that is not announced, because a host has it. */
export function takenBy({ mac, node }: ForeignHost): ConflictState {
  return node === undefined ? { kind: 'Taken', mac } : { kind: 'OtherProgram', mac, node };
}

/** Must it be probed now? */
export function isDue(watched: Watched, now: number): boolean {
  const { kind } = watched.state;
  // This node's kernel answers itself, and its probes do not reach it.
  if (watched.vip.owner !== undefined) return false;
  return kind !== 'Clear' && kind !== 'Contested' && now - watched.probedAt >= pauseOf(watched);
}

/** After an unanswered probe the next ones follow quickly. */
function pauseOf({ state, unanswered, pauseMs }: Watched): number {
  if (state.kind === 'Probing') return firstProbes.pauseMs;
  return unanswered > 0 ? retryMs.first : pauseMs;
}

/** Probes it. */
export function probe(watched: Watched, probes: HeldVip[], now: number): void {
  probes.push(watched.vip);
  watched.probedAt = now;
  watched.unanswered++;
}

/** When its next turn is due. */
export function nextOf(watched: Watched): number {
  const { vip, state, probedAt, foreign, claimedAt, defendedAt, since, strayAt = Number.POSITIVE_INFINITY } = watched;
  if (state.kind === 'Clear') return strayAt + strayMs;
  if (state.kind !== 'Contested' && vip.owner !== undefined) return Number.POSITIVE_INFINITY;
  if (state.kind !== 'Contested') return Math.max(since, probedAt + pauseOf(watched));
  const defendAt = claimedAt > defendedAt ? defendedAt + defendMs : Number.POSITIVE_INFINITY;
  return Math.min((foreign?.at ?? 0) + contestedMs, strayAt + strayMs, defendAt);
}
