/**
 * Speakers that get no heartbeats from each other although both answer the tool: the sign of a firewall on
 * their port.
 */
import type { SpeakerAnswer } from '../cluster/speakers.ts';

/** A speaker, and the peers that it gets no heartbeats from. */
interface UnheardSpeaker {
  readonly node: string;
  /** Peers that sent no heartbeat since this speaker started (`LivenessBlocked`). */
  readonly never: readonly string[];
  /** Peers whose heartbeats stopped. */
  readonly lost: readonly string[];
}

/**
 * Finds these speakers. A node whose speaker does not answer the tool may be dead, so it does not count as a
 * missing peer.
 */
export function unheardSpeakers(answers: readonly SpeakerAnswer[]): readonly UnheardSpeaker[] {
  const alive = new Set(answers.flatMap(({ node, status }) => (status === undefined ? [] : [node])));
  return answers.flatMap(({ node, status }) => {
    const peers = (status?.peers ?? []).filter((peer) => alive.has(peer.node));
    const never = peers.filter(({ reason }) => reason === 'LivenessBlocked').map((peer) => peer.node);
    const lost = peers.filter(({ liveness }) => liveness === 'Dead').map((peer) => peer.node);
    return never.length + lost.length === 0 ? [] : [{ node, never, lost }];
  });
}

/** One line about such a speaker. */
export function unheardText({ node, never, lost }: UnheardSpeaker, port: number): string {
  const parts = [
    ...(never.length > 0 ? [`has never got a heartbeat from ${never.join(', ')}`] : []),
    ...(lost.length > 0 ? [`gets no more heartbeats from ${lost.join(', ')}`] : []),
  ];
  return `${node} ${parts.join(' and ')}: check that UDP ${port} passes between the nodes, and that all speakers have the same key`;
}
