/** Reads MetalLB's objects from the cluster or from files. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RawService } from '../../api/service.ts';
import { collections, workloadsPath } from '../../kube/resources.ts';
import type { RawWorkload } from '../cluster/installation.ts';
import { listAll, readOne } from '../cluster/read.ts';
import type { Reach } from '../cluster/session.ts';
import type { Workload } from '../doctor/facts.ts';
import { isMetalLb } from '../doctor/others.ts';
import { workloadOf } from '../doctor/parse-facts.ts';
import { misused } from '../output/failure.ts';
import { readYaml } from '../yaml/read.ts';
import { type Manifest, manifestsOf } from './manifest.ts';

const api = '/apis/metallb.io';
/** All kinds of MetalLB's versions of the last years, and where they are served. */
const kinds: readonly (readonly [kind: string, version: string, plural: string])[] = [
  ['IPAddressPool', 'v1beta1', 'ipaddresspools'],
  ['AddressPool', 'v1beta1', 'addresspools'],
  ['L2Advertisement', 'v1beta1', 'l2advertisements'],
  ['BGPAdvertisement', 'v1beta1', 'bgpadvertisements'],
  ['BGPPeer', 'v1beta2', 'bgppeers'],
  ['BFDProfile', 'v1beta1', 'bfdprofiles'],
  ['Community', 'v1beta1', 'communities'],
];

/**
 * Reads the objects in the cluster. A kind that the cluster does not serve has no objects; undefined if it
 * serves none of the kinds.
 */
export async function readObjects(reach: Reach): Promise<readonly Manifest[] | undefined> {
  const lists = await Promise.all(
    kinds.map(async ([kind, version, plural]) => {
      const list = await readOne<{ readonly items?: readonly Manifest[] }>(reach, `${api}/${version}/${plural}`);
      return list?.items?.map((item) => ({ ...item, kind, apiVersion: `metallb.io/${version}` }));
    }),
  );
  return lists.every((list) => list === undefined) ? undefined : lists.flatMap((list) => list ?? []);
}

/** Reads all Services. */
export function readServices(reach: Reach): Promise<readonly RawService[]> {
  return listAll<RawService>(reach, collections.services);
}

/** Reads MetalLB's Deployments and DaemonSets of all namespaces. */
export async function readPrograms(reach: Reach): Promise<readonly Workload[]> {
  const [deployments, daemonSets] = await Promise.all([
    listAll<RawWorkload>(reach, workloadsPath('deployments')),
    listAll<RawWorkload>(reach, workloadsPath('daemonsets')),
  ]);
  const all = [
    ...deployments.map((raw) => workloadOf('Deployment', raw)),
    ...daemonSets.map((raw) => workloadOf('DaemonSet', raw)),
  ];
  return all.filter(isMetalLb);
}

/** Reads the objects in files and folders (`*.yaml`, `*.yml`, `*.json`, also in subfolders). */
export async function readFiles(paths: readonly string[]): Promise<readonly Manifest[]> {
  const files = (await Promise.all(paths.map(filesAt))).flat();
  if (files.length === 0)
    throw misused(`no manifest in ${paths.join(', ')}`, 'names of manifests end in .yaml, .yml or .json');
  return (await Promise.all(files.map(manifestsIn))).flat();
}

async function filesAt(path: string): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = await readdir(path, { recursive: true });
    return names
      .filter((name) => /\.(ya?ml|json)$/.test(name))
      .sort()
      .map((name) => join(path, name));
  } catch (error) {
    throw misused(`${path} cannot be read: ${(error as Error).message}`);
  }
}

async function manifestsIn(file: string): Promise<readonly Manifest[]> {
  return readYaml(await readFile(file, 'utf8')).flatMap(({ value, fault }) => {
    if (fault !== undefined) throw misused(`${file} is not valid YAML: ${fault}`);
    return manifestsOf(value);
  });
}
