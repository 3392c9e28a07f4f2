/** Reads the objects to migrate from files or from the cluster, and converts them. */
import { parseAdvertisement, type RawAdvertisement } from '../../api/advertisement.ts';
import { parsePool, type RawPool } from '../../api/pool.ts';
import type { RawService } from '../../api/service.ts';
import { collections } from '../../kube/resources.ts';
import { type Cluster, readCluster } from '../cluster/cluster.ts';
import { nodesMissingSpeakers } from '../cluster/missing-speakers.ts';
import { listAll } from '../cluster/read.ts';
import type { Reach, Session } from '../cluster/session.ts';
import { askSpeakers, type SpeakerAnswer } from '../cluster/speakers.ts';
import type { Workload } from '../doctor/facts.ts';
import { Failure, wrong } from '../output/failure.ts';
import { excludesLinks } from './convert/excluded-links.ts';
import type { FieldRow } from './convert/field-report.ts';
import type { Manifest } from './convert/manifest.ts';
import { convertMetalLb, type Migration } from './convert/metallb.ts';
import { existingRows } from './existing.ts';
import { withoutExisting } from './objects.ts';
import { type Preview, previewTakeOver } from './preview.ts';
import { linkOf, type Topology } from './reach.ts';
import { readFiles } from './read-files.ts';
import { readConfigMaps, readObjects, readPrograms, readServices } from './read-metallb.ts';
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

/** Converts the objects in files. Throws a Failure if nothing in them is about MetalLB. */
export async function findInFiles(paths: readonly string[]): Promise<Found> {
  const { objects, rows } = await readFiles(paths);
  const services = objects.filter(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Service').map(asService);
  const homes = homesIn(objects);
  const migration = convertMetalLb({ objects, services, classes: defaultClasses, homes });
  const all = [...rows, ...migration.rows];
  if (all.every(({ fate }) => fate === 'NotNeeded'))
    throw wrong(`no configuration of MetalLB in ${paths.join(', ')}`, 'give the manifests of its pools');
  return { migration: { ...migration, rows: all }, previews: [], place: undefined, note: '' };
}

/** The chart's default of loadBalancerClasses. */
const defaultClasses = ['berth.dev/berth'];

/** Completes a Service of a file, which has no uid, and whose namespace may be set only when it is applied. */
function asService({ metadata, spec }: Manifest): RawService {
  return { metadata: { namespace: 'default', uid: '', resourceVersion: '', ...metadata }, spec: spec ?? {} };
}

/** The namespaces of MetalLB's programs in files, whose content is unchecked. */
function homesIn(objects: readonly Manifest[]): readonly string[] {
  const isProgram = (object: Manifest) =>
    /^(Deployment|DaemonSet)$/.test(object.kind) &&
    /"app(\.kubernetes\.io\/name)?":"metallb"|"image":"[^"]*\bmetallb\/(controller|speaker)\b/.test(
      JSON.stringify(object),
    );
  return [...new Set(objects.filter(isProgram).flatMap(({ metadata }) => metadata.namespace ?? []))];
}

/**
 * Converts the objects in the cluster. The check of the Services needs Berth to be installed; the conversion
 * does not.
 */
export async function findInCluster(session: Session): Promise<Found> {
  const reach = await session.reach();
  const objects = await readObjects(reach);
  if (objects === undefined) {
    throw wrong(
      'the cluster has no objects of MetalLB (metallb.io)',
      'give its manifests with --filename, and those of MetalLB until 0.12, which reads a ConfigMap, too',
    );
  }
  const [services, programs] = await Promise.all([readServices(reach), readPrograms(reach)]);
  const homes = [...new Set(programs.map(({ namespace }) => namespace))];
  const maps = await Promise.all(homes.map((namespace) => readConfigMaps(reach, namespace)));
  const excluding = maps.flatMap((one) => one.objects).filter(excludesLinks);
  const unreadMaps = maps.flatMap(({ rows }) => rows);
  const from = { objects: [...objects, ...excluding], services, homes };
  const cluster = await readCluster(session).catch((error: unknown) => {
    if (error instanceof Failure) return error;
    throw error;
  });
  if (cluster instanceof Failure) {
    const { rows, ...made } = convertMetalLb({ ...from, classes: defaultClasses });
    const migration = { ...made, rows: [...rows, ...unreadMaps] };
    return { migration, previews: [], place: undefined, note: cluster.message };
  }
  const { installation } = cluster;
  const { ownership } = installation.settings;
  const conversion = convertMetalLb({ ...from, classes: ownership.classes });
  const existing = await readExistingRows(conversion, reach);
  const migration = { ...conversion, rows: [...conversion.rows, ...unreadMaps, ...existing] };
  const previews = previewTakeOver(migration, { ...cluster, ownership });
  const answers = await askSpeakers(session, installation);
  const controllers = installation.controllers.filter(({ ready }) => ready).length;
  const silent = silentSpeakers(cluster, answers);
  const situation = { programs, controllers, silent, topology: topologyOf(migration, cluster, answers) };
  return { migration, previews, place: { cluster, programs, situation }, note: '' };
}

/** The nodes whose speakers do not answer, or that should run one and run none, and why. */
function silentSpeakers(cluster: Cluster, answers: readonly SpeakerAnswer[]): Situation['silent'] {
  const mute = answers.flatMap(({ node, fault }) => (fault === undefined ? [] : [{ node, why: fault }]));
  const missing = nodesMissingSpeakers(cluster).map((node) => ({ node, why: 'no speaker runs there' }));
  return [...mute, ...missing];
}

async function readExistingRows({ pools, advertisements }: Migration, reach: Reach): Promise<readonly FieldRow[]> {
  const [ourPools, ourAdvertisements] = await Promise.all([
    listAll<RawPool>(reach, collections.pools),
    listAll<RawAdvertisement>(reach, collections.advertisements),
  ]);
  return [
    ...existingRows('IPAddressPool', pools, ourPools),
    ...existingRows('L2Advertisement', advertisements, ourAdvertisements),
  ];
}

/** The pools, advertisements and links after the take-over. An object that exists under the same name stays as it is. */
function topologyOf(migration: Migration, cluster: Cluster, answers: readonly SpeakerAnswer[]): Topology {
  const { pools, advertisements, nodes } = cluster;
  const identity = { uid: '', resourceVersion: '' };
  const links = answers.flatMap(({ node, status }) => {
    const usable = status?.links.filter(
      ({ unusable, noInboundTraffic }) => unusable === undefined && !noInboundTraffic,
    );
    return usable === undefined ? [] : [[node, usable.map(linkOf)] as const];
  });
  const made = withoutExisting(migration, cluster);
  const newPools = made.pools.map(({ metadata, spec }) => parsePool({ metadata: { ...identity, ...metadata }, spec }));
  const newAdvertisements = made.advertisements.map(({ metadata, spec }) =>
    parseAdvertisement({ metadata: { ...identity, ...metadata }, spec }),
  );
  return {
    pools: [...pools, ...newPools],
    advertisements: [...advertisements, ...newAdvertisements],
    nodes,
    links: new Map(links),
  };
}
