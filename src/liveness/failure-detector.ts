/**
 * Who is alive, from what a speaker hears itself and what the others tell it.
 *
 * A peer is dead when it has been silent on all paths, to us and to every peer that we hear. One that was never heard is unknown, not
 * dead: a firewall on the port must not make every node take everything.
 *
 * In a large cluster a node is heard every 100 ms by a few only. Those who miss one of theirs tell everybody; who hears it all the same,
 * and the node itself, answer by telling everybody too (as SWIM does: Das, Gupta and Motivala 2002). So all nodes judge a silent one by
 * the same short time, and false suspicions end before it is over.
 */
import { times } from './messages.ts';
import type { Peer } from './peer.ts';

/** How a peer is. `Restarting`: it does not answer for what it holds, and will again in a moment. */
export type Liveness = 'Unknown' | 'Alive' | 'Restarting' | 'Dead';

/** How one peer is, and when that changes if nothing is heard. */
export interface PeerState {
  readonly liveness: Liveness;
  /** When it was last heard, by us or by a peer that told us so. */
  readonly heardAt: number;
  /** Silent for so long that the wire is to be asked. */
  readonly isSuspect: boolean;
  /** When silence will have gone on for long enough for the next step; undefined if there is none. */
  readonly changesAt: number | undefined;
}

/** How all peers are. */
export interface PeerStates {
  readonly of: ReadonlyMap<string, PeerState>;
  /** A node that we watch, or we ourselves, are missed by somebody: tell everybody what we hear. */
  readonly alarm: boolean;
}

/** So many intervals without a beat are too long. */
const patience = { suspect: times.suspect / times.heartbeat, dead: times.dead / times.heartbeat } as const;
/** What is told of the same last beat differs by the latencies of those who tell it. */
const reportSkewMs = 200;

/** Looks at all peers. `selfMissedAt` is when somebody told us last that it misses us. */
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

/** Is an age that a beat tells of another node a suspicion? Later it is clear what became of the node. */
export function isSuspicion(ageMs: number): boolean {
  return ageMs >= times.suspect && ageMs < times.alarm;
}

/** Who misses a node says so every 100 ms. */
function isMissedByPeer({ missedAt }: Peer, now: number): boolean {
  return now - missedAt < times.suspect;
}

/** Does it beat to us every 100 ms? Where it says so and does not come through for long, others hear it better. */
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
  const isRestarting = heartbeat?.state === 'Restarting';
  // Its stand-in answers for it, and asks the wire in time for the end of the wait.
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
  // Once dead, it is dead until something newer is heard.
  if (silentMs >= deadMs || (lostAt !== undefined && heardAt <= lostAt + reportSkewMs)) return stateWith('Dead');
  if (heartbeat !== undefined && Math.max(heartbeat.ages.loop, heartbeat.ages.worker) >= times.stuck)
    return stateWith('Dead');
  const isListening = heartbeat?.state === 'Listening' && now - stateSince < times.restart;
  return stateWith(isListening ? 'Restarting' : 'Alive');
}
