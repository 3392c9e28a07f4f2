/**
 * Decides which peers are alive, from the heartbeats that a speaker hears and from the reports of its peers.
 *
 * A peer is dead when it has been silent on all paths, to this node and to every peer that this node hears. A peer that
 * was never heard is unknown, not dead: with a firewall on the port, otherwise every node would take over all VIPs.
 *
 * In a large cluster only a few nodes hear a node every 100 ms. If one of them misses it, it reports that to all nodes.
 * The nodes that still hear it, and the node itself, then send to all nodes too (as in SWIM: Das, Gupta and Motivala
 * 2002). So all nodes apply the same short time to a silent node, and a false suspicion ends within that time.
 */
import { times } from './messages.ts';
import type { Peer } from './peer.ts';

/** The liveness of a peer. `Restarting`: it does not answer for the VIPs that it holds, and will again in a moment. */
export type Liveness = 'Unknown' | 'Alive' | 'Restarting' | 'Dead';

/** The state of one peer, and when it changes if nothing more is heard. */
interface PeerState {
  readonly liveness: Liveness;
  /** When it was last heard, by this node or by a peer that reported it. */
  readonly heardAt: number;
  /** Silent for so long that its VIPs must be probed on the wire. */
  readonly isSuspect: boolean;
  /** When its silence will have lasted long enough for the next state; undefined if there is none. */
  readonly changesAt: number | undefined;
}

/** The states of all peers. */
export interface PeerStates {
  readonly of: ReadonlyMap<string, PeerState>;
  /** A node that this one watches, or this node itself, is missed by a peer: send heartbeats to all peers. */
  readonly alarm: boolean;
}

/** After this many intervals without a heartbeat a peer is suspect, or dead. */
const patience = { suspect: times.suspect / times.heartbeat, dead: times.dead / times.heartbeat } as const;
/** Reports of the same heartbeat, or of two in a row, differ by the latencies of the nodes that report them. */
const reportSkewMs = 200;

/** The states of all peers. `selfMissedAt` is when a peer last reported that it misses this node. */
export function peerStatesAt(peers: Iterable<Peer>, selfMissedAt: number, now: number): PeerStates {
  const of = new Map<string, PeerState>();
  let alarm = now - selfMissedAt < times.suspect;
  for (const peer of peers) {
    const state = peerStateAt(peer, now);
    of.set(peer.node, state);
    const isMissed = isMissedByPeer(peer, now) || (state.isSuspect && now - peer.heardAt < times.alarm);
    if (isMissed && isWatched(peer, now)) alarm = true;
  }
  return { of, alarm };
}

/** Is the age of a node in a peer's heartbeat a suspicion? At a higher age its state is clear. */
export function isSuspicion(ageMs: number): boolean {
  return ageMs >= times.suspect && ageMs < times.alarm;
}

/** A peer that misses a node reports that every 100 ms. */
function isMissedByPeer({ missedAt }: Peer, now: number): boolean {
  return now - missedAt < times.suspect;
}

/**
 * Does it send a heartbeat to this node every 100 ms? After a long silence that no longer counts: other peers hear it
 * better.
 */
function isWatched({ heartbeat, heardAt }: Peer, now: number): boolean {
  return (heartbeat === undefined || heartbeat.nextMs <= times.heartbeat) && now - heardAt < times.alarm;
}

function peerStateAt(peer: Peer, now: number): PeerState {
  const { heartbeat, incarnation, lostAt, stateSince } = peer;
  const heardAt = Math.max(peer.heardAt, peer.confirmedAliveAt);
  const silentMs = now - heardAt;
  const isShort = isMissedByPeer(peer, now) || isWatched(peer, now);
  const interval = isShort ? times.heartbeat : Math.max(heartbeat?.nextMs ?? 0, times.slowHeartbeat);
  const suspectMs = patience.suspect * interval;
  const deadMs = patience.dead * interval;
  const isRestarting = heartbeat?.state === 'Restarting' || peer.toldRestartAt > peer.heartbeatAt - reportSkewMs;
  // Its stand-in answers for it, and probes it shortly before the wait ends.
  const steps = isRestarting ? [times.restart - (times.dead - times.suspect), times.restart] : [suspectMs, deadMs];
  const changesMs = steps.find((ms) => ms > silentMs);
  const stateWith = (liveness: Liveness): PeerState => ({
    liveness,
    heardAt,
    isSuspect: liveness === 'Dead' || (liveness !== 'Unknown' && silentMs >= (steps[0] ?? 0)),
    changesAt: liveness === 'Unknown' || changesMs === undefined ? undefined : heardAt + changesMs,
  });
  if (incarnation === undefined) return stateWith('Unknown');
  if (isRestarting) return stateWith(silentMs < times.restart ? 'Restarting' : 'Dead');
  // A dead peer stays dead until something newer is heard.
  if (silentMs >= deadMs || (lostAt !== undefined && heardAt <= lostAt + reportSkewMs)) return stateWith('Dead');
  if (heartbeat !== undefined && Math.max(heartbeat.ages.loop, heartbeat.ages.worker) >= times.stuck)
    return stateWith('Dead');
  const isListening = heartbeat?.state === 'Listening' && now - stateSince < times.restart;
  return stateWith(isListening ? 'Restarting' : 'Alive');
}
