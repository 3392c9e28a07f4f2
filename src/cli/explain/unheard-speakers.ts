/** Which speakers do not hear each other, although both can be asked: what a firewall on their port looks like. */
import type { SpeakerAnswer } from '../cluster/speakers.ts';

/** A speaker and those that it does not hear. */
export interface UnheardSpeaker {
  readonly node: string;
  /** They were never heard in its life (`LivenessBlocked`). */
  readonly never: readonly string[];
  /** They were heard once, and are not any more. */
  readonly lost: readonly string[];
}

/** The deaf ones. A node whose speaker cannot be asked may well be dead: it is not missed here. */
export function unheardSpeakers(answers: readonly SpeakerAnswer[]): readonly UnheardSpeaker[] {
  const alive = new Set(answers.flatMap(({ node, status }) => (status === undefined ? [] : [node])));
  return answers.flatMap(({ node, status }) => {
    const peers = (status?.peers ?? []).filter((peer) => alive.has(peer.node));
    const never = peers.filter(({ reason }) => reason === 'LivenessBlocked').map((peer) => peer.node);
    const lost = peers.filter(({ liveness }) => liveness === 'Dead').map((peer) => peer.node);
    return never.length + lost.length === 0 ? [] : [{ node, never, lost }];
  });
}

/** One line about it. */
export function unheardText({ node, never, lost }: UnheardSpeaker, port: number): string {
  const parts = [
    ...(never.length > 0 ? [`never heard ${never.join(', ')}`] : []),
    ...(lost.length > 0 ? [`does not hear ${lost.join(', ')} any more`] : []),
  ];
  return `${node} ${parts.join(', and ')}: is UDP ${port} open between the nodes, and the key the same?`;
}
