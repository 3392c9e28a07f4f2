/** Reads the objects to migrate from files or from the cluster, and converts them. */
import { parseAdvertisement } from '../../api/advertisement.ts';
import { parsePool } from '../../api/pool.ts';
import type { RawService } from '../../api/service.ts';
import { type Cluster, readCluster } from '../cluster/cluster.ts';
import type { Session } from '../cluster/session.ts';
import { askSpeakers, type SpeakerAnswer } from '../cluster/speakers.ts';
import type { Workload } from '../doctor/facts.ts';
import { Failure, wrong } from '../output/failure.ts';
import type { Manifest } from './manifest.ts';
import { convertMetalLb, type Migration } from './metallb.ts';
import { type Preview, previewTakeOver } from './preview.ts';
import { linkOf, type Topology } from './reach.ts';
import { readFiles, readObjects, readPrograms, readServices } from './read-metallb.ts';
import type { Situation } from './steps.ts';

/** The result of the conversion. */
export interface Found {
  readonly migration: Migration;
  readonly previews: readonly Preview[];
  /** The cluster of the take-over; undefined for files, or if Berth's data in the cluster could not be read. */
  readonly place: Place | undefined;
  /** Why the Services were not checked; empty if they were, or if there is no cluster. */
  readonly note: string;
}

/** The cluster of a take-over. */
export interface Place {
  readonly cluster: Cluster;
  readonly programs: readonly Workload[];
  readonly situation: Omit<Situation, 'stop'>;
}

/** Converts the objects in files. */
export async function findInFiles(paths: readonly string[]): Promise<Found> {
  const objects = await readFiles(paths);
  const services = objects.filter(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Service').map(asService);
  const migration = convertMetalLb({ objects, services, classes: defaultClasses });
  return { migration, previews: [], place: undefined, note: '' };
}

/** The chart's default of loadBalancerClasses. */
const defaultClasses = ['berth.dev/berth'];

/** Completes a Service of a file, which has no uid, and whose namespace may be set only when it is applied. */
function asService({ metadata, spec = {} }: Manifest): RawService {
  return { metadata: { namespace: 'default', uid: '', resourceVersion: '', ...metadata }, spec };
}

/**
 * Converts the objects in the cluster. The check of the Services needs Berth to be installed; the conversion
 * does not.
 */
export async function findInCluster(session: Session): Promise<Found> {
  const reach = await session.reach();
  const objects = await readObjects(reach);
  if (objects === undefined) {
    throw wrong('the cluster has no objects of MetalLB (metallb.io)', 'give its manifests with --filename');
  }
  const services = await readServices(reach);
  const cluster = await readCluster(session).catch((error: unknown) => {
    if (error instanceof Failure) return error;
    throw error;
  });
  if (cluster instanceof Failure) {
    const migration = convertMetalLb({ objects, services, classes: defaultClasses });
    return { migration, previews: [], place: undefined, note: cluster.message };
  }
  const { installation } = cluster;
  const { ownership } = installation.settings;
  const migration = convertMetalLb({ objects, services, classes: ownership.classes });
  const previews = previewTakeOver(migration, { ...cluster, ownership });
  const [programs, answers] = await Promise.all([readPrograms(reach), askSpeakers(session, installation)]);
  const controllers = installation.controllers.filter(({ ready }) => ready).length;
  const situation = { programs, controllers, topology: topologyOf(migration, cluster, answers) };
  return { migration, previews, place: { cluster, programs, situation }, note: '' };
}

/** The pools, advertisements and links after the take-over. */
function topologyOf(migration: Migration, cluster: Cluster, answers: readonly SpeakerAnswer[]): Topology {
  const { pools, advertisements, nodes } = cluster;
  const identity = { uid: '', resourceVersion: '' };
  const links = answers.flatMap(({ node, status }) => {
    const usable = status?.links.filter(
      ({ unusable, noInboundTraffic }) => unusable === undefined && !noInboundTraffic,
    );
    return usable === undefined ? [] : [[node, usable.map(linkOf)] as const];
  });
  const newPools = migration.pools.map(({ metadata, spec }) =>
    parsePool({ metadata: { ...identity, ...metadata }, spec }),
  );
  const newAdvertisements = migration.advertisements.map(({ metadata, spec }) =>
    parseAdvertisement({ metadata: { ...identity, ...metadata }, spec }),
  );
  return {
    pools: [...pools, ...newPools],
    advertisements: [...advertisements, ...newAdvertisements],
    nodes,
    links: new Map(links),
  };
}
