/** What most commands answer from: the cluster, what the speakers say, and what follows from both by the same pure decisions. */
import { type Demands, demandsOf } from '../announce/demands.ts';
import { Ranking } from '../announce/holder.ts';
import { type Settled, settle } from '../ipam/allocate.ts';
import { allocationSnapshot, type Cluster, demandSnapshot, readCluster } from './cluster.ts';
import type { Session } from './session.ts';
import { askSpeakers, linksOfAll, type SpeakerAnswer } from './speakers.ts';
import { type VipState, vipStates } from './vip-state.ts';

/** All that is known. */
export interface Picture {
  readonly cluster: Cluster;
  readonly answers: readonly SpeakerAnswer[];
  /** What the controller would decide. */
  readonly settled: Settled;
  readonly demands: Demands;
  readonly vips: readonly VipState[];
  /** Which node comes first for an address. */
  readonly ranking: Ranking;
}

/** Reads everything once. */
export async function readPicture(session: Session): Promise<Picture> {
  const cluster = await readCluster(session);
  return pictureOf(cluster, await askSpeakers(session, cluster.installation));
}

/** What follows from it. */
export function pictureOf(cluster: Cluster, answers: readonly SpeakerAnswer[]): Picture {
  const settled = settle(allocationSnapshot(cluster));
  const demands = demandsOf(demandSnapshot(cluster), linksOfAll(answers));
  return {
    cluster,
    answers,
    settled,
    demands,
    vips: vipStates(cluster.ledger, demands, answers),
    ranking: new Ranking(),
  };
}
