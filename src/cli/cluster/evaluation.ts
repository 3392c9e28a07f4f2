/** What most commands answer from: the cluster, what the speakers say, and what follows from both by the same pure decisions. */
import { type DesiredVips, desiredVipsOf } from '../../announce/desired-vips.ts';
import { endpointNodes } from '../../announce/endpoint-nodes.ts';
import type { AllocationView } from '../../api/allocation.ts';
import type { ServiceView } from '../../api/service.ts';
import { RendezvousRanking } from '../../hash/rendezvous.ts';
import { type Settled, settle } from '../../ipam/allocate.ts';
import { allocationSnapshot, type Cluster, desiredVipSnapshot, readCluster } from './cluster.ts';
import type { Session } from './session.ts';
import { askSpeakers, linksOfAll, type SpeakerAnswer } from './speakers.ts';
import { type VipState, vipStates } from './vip-state.ts';

/** All that is known. */
export interface Evaluation {
  readonly cluster: Cluster;
  readonly answers: readonly SpeakerAnswer[];
  /** What the controller would decide. */
  readonly settled: Settled;
  readonly demands: DesiredVips;
  readonly vips: readonly VipState[];
  /** Which node comes first for an address. */
  readonly ranking: RendezvousRanking;
  /** The ledger's entries, by address; the Services, by uid. */
  readonly entries: ReadonlyMap<string, AllocationView>;
  readonly services: ReadonlyMap<string, ServiceView>;
  /** The nodes with an endpoint that may get traffic, by `namespace/name` of the Service. */
  readonly endpoints: ReadonlyMap<string, ReadonlySet<string>>;
  /** The nodes that some speaker knows to be dead, and none to be alive. */
  readonly dead: ReadonlySet<string>;
}

/** Reads everything once. */
export async function readEvaluation(session: Session): Promise<Evaluation> {
  const cluster = await readCluster(session);
  return evaluationOf(cluster, await askSpeakers(session, cluster.installation));
}

/** What follows from it. */
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

/** The Service behind an address, where only nodes with its endpoints may hold that. */
export function localServiceAt({ entries, services }: Evaluation, address: string): string | undefined {
  const refs = entries.get(address)?.services ?? [];
  return refs.map(({ uid }) => services.get(uid)).find((service) => service?.local)?.key;
}
