/** Reads MetalLB's objects and programs from the cluster. */
import type { RawService } from '../../api/service.ts';
import { collections, workloadsPath } from '../../kube/resources.ts';
import type { RawWorkload } from '../cluster/installation.ts';
import { listAll, readOne } from '../cluster/read.ts';
import type { Reach } from '../cluster/session.ts';
import type { Workload } from '../doctor/facts.ts';
import { isMetalLb } from '../doctor/others.ts';
import { workloadOf } from '../doctor/parse-facts.ts';
import { tryRead } from '../doctor/try-read.ts';
import { FieldReport, type FieldRow } from './convert/field-report.ts';
import type { Manifest } from './convert/manifest.ts';

const group = 'metallb.io';
/** Kinds with one object for each Service or node, in which MetalLB reports its own state. */
const reports = /status$|state$/i;

/**
 * Reads all objects of MetalLB's API group, whatever kinds its version has; undefined if the cluster does not serve the group. A kind
 * that has several versions is read once.
 */
export async function readObjects(reach: Reach): Promise<readonly Manifest[] | undefined> {
  const found = await readOne<ApiGroup>(reach, `/apis/${group}`);
  if (found === undefined) return undefined;
  const order = [found.preferredVersion, ...found.versions].map(({ version }) => version);
  const served = await Promise.all([...new Set(order)].map((version) => kindsOf(reach, version)));
  const kinds = [
    ...new Map(
      served
        .flat()
        .toReversed()
        .map((one) => [one.kind, one] as const),
    ).values(),
  ];
  const wanted = kinds.filter(({ kind }) => !reports.test(kind)).sort((a, b) => (a.kind < b.kind ? -1 : 1));
  const lists = await Promise.all(
    wanted.map(async ({ kind, apiVersion, path }) => {
      const items = await listAll<Manifest>(reach, path);
      return items.map((item) => ({ ...item, kind, apiVersion }));
    }),
  );
  return lists.flat();
}

/** `meta/v1` APIGroup. */
interface ApiGroup {
  readonly preferredVersion: { readonly version: string };
  readonly versions: readonly { readonly version: string }[];
}

/** `meta/v1` APIResourceList. */
interface ResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string }[];
}

async function kindsOf(reach: Reach, version: string) {
  const path = `/apis/${group}/${version}`;
  const { resources = [] } = (await readOne<ResourceList>(reach, path)) ?? {};
  return resources
    .filter(({ name }) => !name.includes('/'))
    .map(({ name, kind }) => ({ kind, apiVersion: `${group}/${version}`, path: `${path}/${name}` }));
}

/** Reads the ConfigMaps of a namespace. Those that the user may not read are a row of the report. */
export async function readConfigMaps(reach: Reach, namespace: string): Promise<ConfigMapsRead> {
  const read = await tryRead(() => listAll<Manifest>(reach, `/api/v1/namespaces/${namespace}/configmaps`));
  if ('value' in read) return { objects: read.value.map((one) => ({ ...one, ...configMap })), rows: [] };
  const notes = new FieldReport(`ConfigMaps of ${namespace}`);
  notes.notCarried(
    '',
    `not read (${read.why}): links on which MetalLB does not announce are not known`,
    `kubectl -n ${namespace} get configmaps -o yaml | grep -A20 announcedInterfacesToExclude`,
  );
  return { objects: [], rows: notes.rows };
}

const configMap = { apiVersion: 'v1', kind: 'ConfigMap' } as const;

interface ConfigMapsRead {
  readonly objects: readonly Manifest[];
  readonly rows: readonly FieldRow[];
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
