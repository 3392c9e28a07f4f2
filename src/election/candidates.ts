/** Decides whether each node may be given VIPs, from everything that is known of it. */

import type { PeerStates } from '../liveness/failure-detector.ts';
import { type Heartbeat, type SpeakerState, times } from '../liveness/messages.ts';
import type { Peers } from '../liveness/peers.ts';
import type { HolderProbes } from './holder-probes.ts';
import type { Candidate, HolderView } from './view.ts';
import type { WireEvidence } from './wire-evidence.ts';

/** The facts from which a candidate is judged. */
interface Judgement {
  readonly peers: Peers;
  readonly wire: HolderProbes;
  readonly evidence: WireEvidence;
  readonly review: PeerStates;
  readonly now: number;
  readonly isolated: boolean;
}

/**
 * How many unanswered probes, in how long a time, prove that a node does not answer: dead, seen by an isolated node, or
 * never heard.
 */
const proofs = {
  dead: { probes: 2, forMs: 100 },
  alone: { probes: 3, forMs: 100 },
  unknown: { probes: 3, forMs: times.wireSilence },
} as const;

/** This node as a candidate. */
export function ownCandidate(
  state: SpeakerState,
  {
    ages,
    listening,
    draining,
    unheard,
  }: {
    readonly ages: Heartbeat['ages'];
    readonly listening: boolean;
    readonly draining: boolean;
    readonly unheard: boolean;
  },
): Candidate {
  const leaves = state === 'Draining' || draining;
  const gains = state === 'Serving' && !leaves && !listening && !unheard && isQuick(ages);
  const onWire = { answersOnWire: false, silentOnWire: false };
  return { liveness: 'Self', gains, gainsSoon: gains, draining: leaves, backAt: 0, unheard, ...onWire };
}

/** Another node as a candidate. `draining` is set by an administrator; undefined if the cluster has no such node. */
export function candidateOf(
  node: string,
  draining: boolean | undefined,
  { peers, wire, evidence, review, now, isolated }: Judgement,
): Candidate {
  const peer = peers.get(node);
  const liveness = review.of.get(node)?.liveness ?? 'Unknown';
  const heartbeat = peer?.heartbeat;
  const leaves = draining === true || heartbeat?.state === 'Draining';
  const able = draining !== undefined && heartbeat !== undefined && isQuick(heartbeat.ages) && !leaves;
  const isGone = liveness === 'Dead' || liveness === 'Unknown';
  const isVouchedFor = evidence.isVouchedFor(node, now);
  const proof = liveness === 'Unknown' ? proofs.unknown : isolated ? proofs.alone : proofs.dead;
  return {
    liveness,
    gains: liveness === 'Alive' && able && heartbeat?.state === 'Serving',
    gainsSoon: liveness === 'Restarting' && able && heartbeat?.state === 'Listening',
    draining: leaves,
    backAt: peer?.backAt ?? 0,
    answersOnWire: isGone && (isVouchedFor || wire.answersFor(node, now)),
    silentOnWire: isGone && !isVouchedFor && wire.isSilent(node, { now, ...proof }),
  };
}

/** The live nodes, this one included; none while this node listens. */
export function livingIn(view: HolderView | undefined): readonly string[] {
  if (view === undefined || view.listening) return [];
  const living = [...view.nodes].filter(([, { liveness }]) => liveness === 'Self' || liveness === 'Alive');
  return living.map(([node]) => node);
}

/**
 * The live and the restarting nodes: the kernel of a restarting node goes on serving. undefined while this node
 * listens.
 */
export function presentIn(view: HolderView | undefined): readonly string[] | undefined {
  if (view === undefined || view.listening) return undefined;
  const present = [...view.nodes].filter(([, { liveness }]) => liveness !== 'Dead' && liveness !== 'Unknown');
  return present.map(([node]) => node);
}

/**
 * The nodes that are certainly dead. A node that hears no peer may itself be cut off. For such a node a peer is lost
 * only if no host has answered on the wire for the VIPs that the peer held.
 */
export function lostIn(view: HolderView | undefined): readonly string[] {
  if (view === undefined || view.listening) return [];
  const { nodes, isolated } = view;
  const isLost = ({ liveness, answersOnWire, silentOnWire }: Candidate) =>
    liveness === 'Dead' && !answersOnWire && (!isolated || silentOnWire);
  return [...nodes].filter(([, candidate]) => isLost(candidate)).map(([node]) => node);
}

function isQuick({ loop, worker }: Heartbeat['ages']): boolean {
  return Math.max(loop, worker) < times.slow;
}
