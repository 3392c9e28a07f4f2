/**
 * The evaluation that most commands use: the cluster, the speakers' answers, and the decisions of controller
 * and speakers over both.
 */
import { type DesiredVips, desiredVipsOf } from '../../announce/desired-vips.ts';
import { endpointNodes } from '../../announce/endpoint-nodes.ts';
import type { AllocationView } from '../../api/allocation.ts';
import type { ServiceView } from '../../api/service.ts';
import { RendezvousRanking } from '../../hash/rendezvous.ts';
import { type Settled, settle } from '../../ipam/allocate.ts';
import { printable } from '../output/printable.ts';
import { allocationSnapshot, type Cluster, desiredVipSnapshot, readCluster } from './cluster.ts';
import type { Session } from './session.ts';
import { askSpeakers, faultsOf, linksOfAll, type SpeakerAnswer } from './speakers.ts';
import { type VipState, vipStates } from './vip-state.ts';

/** The cluster, the speakers' answers, and the decisions that follow from them. */
export interface Evaluation {
  readonly cluster: Cluster;
  readonly answers: readonly SpeakerAnswer[];
  /** The decisions that the controller would make. */
  readonly settled: Settled;
  readonly demands: DesiredVips;
  readonly vips: readonly VipState[];
  /** The order of the nodes for each address. */
  readonly ranking: RendezvousRanking;
  /** The ledger's entries by address, and the Services by uid. */
  readonly entries: ReadonlyMap<string, AllocationView>;
  readonly services: ReadonlyMap<string, ServiceView>;
  /** The nodes with an endpoint that may get traffic, by `endpointKey` of the Service and an address. */
  readonly endpoints: ReadonlyMap<string, ReadonlySet<string>>;
  /** The nodes that at least one speaker reports as dead and no speaker reports as alive. */
  readonly dead: ReadonlySet<string>;
}

/** Reads everything once, and prints a note about the speakers that did not answer: without them the answer is not complete. */
export async function readEvaluation(session: Session): Promise<Evaluation> {
  const evaluation = await readEvaluationOnly(session);
  for (const fault of faultsOf(evaluation.answers)) session.terminal.note(`note: ${printable(fault)}\n`);
  return evaluation;
}

/** Reads everything once, for an answer that names the speakers that did not answer. */
export async function readEvaluationOnly(session: Session): Promise<Evaluation> {
  const cluster = await readCluster(session);
  return evaluationOf(cluster, await askSpeakers(session, cluster.installation));
}

/** Makes the decisions over a cluster and the speakers' answers. */
export function evaluationOf(cluster: Cluster, answers: readonly SpeakerAnswer[]): Evaluation {
  const settled = settle(allocationSnapshot(cluster));
  const demands = desiredVipsOf(desiredVipSnapshot(cluster), linksOfAll(answers));
  return {
    ...{ cluster, answers, settled, demands, ranking: new RendezvousRanking(), dead: deadNodes(answers) },
    vips: vipStates(cluster.ledger, demands, answers),
    entries: new Map(cluster.ledger.map((entry) => [entry.address, entry])),
    services: new Map(cluster.services.map((service) => [service.uid, service])),
    endpoints: endpointNodes(cluster.endpointSlices),
  };
}

function deadNodes(answers: readonly SpeakerAnswer[]): ReadonlySet<string> {
  const peers = answers.flatMap(({ status }) => status?.peers ?? []);
  const answering = answers.flatMap(({ node, status }) => (status === undefined ? [] : [node]));
  const alive = new Set([...peers.filter(({ liveness }) => liveness !== 'Dead').map(({ node }) => node), ...answering]);
  return new Set(peers.map(({ node }) => node).filter((node) => !alive.has(node)));
}

/** The Service of an address that only nodes with its endpoints may hold (`externalTrafficPolicy: Local`). */
export function localServiceAt({ entries, services }: Evaluation, address: string): string | undefined {
  const refs = entries.get(address)?.services ?? [];
  return refs.map(({ uid }) => services.get(uid)).find((service) => service?.local)?.key;
}
