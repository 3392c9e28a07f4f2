/** Where Berth is installed, its settings, and which of its Pods run: read from the objects that the chart creates. */
import { type HandOff, handOffs } from '../../api/hand-off.ts';
import type { RawMeta } from '../../api/meta.ts';
import type { RawPod } from '../../api/node.ts';
import type { Ownership } from '../../ipam/ownership.ts';
import type { Lease } from '../../kube/leader.ts';
import { leasesPath, podsPath, workloadsPath } from '../../kube/resources.ts';
import { exits, Failure, Forbidden } from '../output/failure.ts';
import { listAll, readOne } from './read.ts';
import type { Reach, Session } from './session.ts';

/** A Deployment or DaemonSet as the API server sends it. */
export interface RawWorkload {
  readonly metadata: RawMeta;
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: {
      readonly metadata?: Partial<RawMeta>;
      readonly spec?: {
        readonly nodeSelector?: Readonly<Record<string, string>>;
        readonly containers?: readonly RawContainer[];
      };
    };
  };
}

interface RawDaemonSet extends RawWorkload {
  readonly status?: { readonly desiredNumberScheduled?: number };
}

/** A container of a template or a Pod. */
export interface RawContainer {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

/** The nodes that should run a speaker, as the speakers' DaemonSet says. */
interface SpeakerTarget {
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** The number of nodes that its selector, its affinity and its tolerations allow, as its controller has counted them. */
  readonly wanted: number;
}

/** A Pod of Berth. */
interface BerthPod {
  readonly name: string;
  readonly node: string;
  readonly ready: boolean;
}

/** The settings of an installation that affect decisions. */
interface Settings {
  readonly ownership: Ownership;
  readonly handOff: HandOff;
  /** Port of the speakers' health endpoint, on their nodes' loopback. */
  readonly healthPort: number;
  /** UDP port of the speakers' heartbeats. */
  readonly livenessPort: number;
  /** Nodes whose speakers run without a Pod. */
  readonly assumeAlive: readonly string[];
}

/** The installation of Berth in a cluster. */
export interface Installation {
  readonly namespace: string;
  /** Version of the chart's objects; undefined if Berth is not installed, or not by the chart. */
  readonly version: string | undefined;
  readonly settings: Settings;
  readonly controllers: readonly BerthPod[];
  /** The number of controllers that the Deployment asks for. */
  readonly replicas: number;
  /** Name of the controller Pod that leads. */
  readonly leader: string | undefined;
  readonly speakers: readonly BerthPod[];
  /** undefined if there is no DaemonSet. */
  readonly speakerTarget?: SpeakerTarget | undefined;
  /** Other places in the cluster where Berth is installed: a cluster may have only one. */
  readonly others: readonly string[];
}

const selector = 'app.kubernetes.io/name=berth';
const instanceLabel = 'app.kubernetes.io/instance';
const componentLabel = 'app.kubernetes.io/component';
const defaultNamespace = 'berth-system';
const defaultPorts = { health: 7931, liveness: 7932 } as const;

/** Which installations a command accepts. */
export interface Accepted {
  /** Whether the command also answers if there is no installation, or more than one: it reports this itself. */
  readonly any?: boolean;
}

/**
 * Finds the installation and reads it. Throws a Failure if there is none in the namespace that the user named, if there is none at all, or
 * if there are several and the user named no namespace: an answer about the wrong one would be wrong.
 */
export async function readInstallation(session: Session, { any = false }: Accepted = {}): Promise<Installation> {
  const reach = await session.reach();
  const { berthNamespace } = session.options;
  const found = await findInstallations(session);
  const [chosen, ...rest] =
    berthNamespace === undefined ? found : found.filter((one) => one.namespace === berthNamespace);
  if (chosen === undefined && (berthNamespace !== undefined || !any)) throw notFound(reach, { berthNamespace, found });
  if (rest.length > 0 && berthNamespace === undefined && !any) throw several(found);
  const namespace = chosen?.namespace ?? defaultNamespace;
  const own = chosen?.instance === undefined ? selector : `${selector},${instanceLabel}=${chosen.instance}`;
  const [daemonSets, deployments, pods, lease] = await Promise.all([
    listAll<RawDaemonSet>(reach, workloadsPath('daemonsets', namespace), own),
    listAll<RawWorkload>(reach, workloadsPath('deployments', namespace), own),
    listAll<RawPod>(reach, podsPath(namespace), own),
    readOne<Lease>(reach, `${leasesPath(namespace)}/berth-controller`),
  ]);
  const podsOf = (role: string) =>
    pods.filter(({ metadata }) => metadata.labels?.[componentLabel] === role).map(podView);
  const [speakers, controller] = [daemonSets.find(isSpeakers), deployments[0]];
  const controllers = podsOf('controller');
  const identity = lease?.spec?.holderIdentity;
  return {
    namespace,
    version: versionOf(speakers ?? controller),
    settings: settingsOf(argsOf(controller), argsOf(speakers)),
    controllers,
    replicas: controller?.spec?.replicas ?? 0,
    leader: controllers.find(({ name }) => identity?.startsWith(name))?.name ?? identity,
    speakers: podsOf('speaker'),
    speakerTarget: speakers && targetOf(speakers),
    others: found.filter((one) => one !== chosen).map(placeOf),
  };
}

/** A place where Berth is installed. */
interface Place {
  readonly namespace: string;
  /** The name of Helm's release; undefined if its objects do not have the label. */
  readonly instance: string | undefined;
}

function placeOf({ namespace, instance }: Place): string {
  return `namespace ${namespace}${instance === undefined ? '' : ` (release ${instance})`}`;
}

/**
 * Finds the installations by the labels of their DaemonSets and Deployments. If the user may not list those of all namespaces, only the
 * named or the default one is searched.
 */
async function findInstallations(session: Session): Promise<readonly Place[]> {
  const reach = await session.reach();
  const known = session.options.berthNamespace ?? defaultNamespace;
  const workloads = async (kind: 'deployments' | 'daemonsets') => {
    try {
      return await listAll<RawWorkload>(reach, workloadsPath(kind), selector);
    } catch (error) {
      if (!(error instanceof Forbidden)) throw error;
      return listAll<RawWorkload>(reach, workloadsPath(kind, known), selector);
    }
  };
  const [daemonSets, deployments] = await Promise.all([workloads('daemonsets'), workloads('deployments')]);
  const places = new Map<string, Place>();
  for (const workload of [...daemonSets.filter(isSpeakers), ...deployments.filter(isController)]) {
    const { namespace = '', labels = {} } = workload.metadata;
    const place = { namespace, instance: labels[instanceLabel] };
    places.set(placeOf(place), places.get(placeOf(place)) ?? place);
  }
  return [...places.values()].sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
}

interface Search {
  readonly berthNamespace: string | undefined;
  readonly found: readonly Place[];
}

function notFound({ server }: Reach, { berthNamespace, found }: Search): Failure {
  const where = berthNamespace === undefined ? `the cluster ${server}` : `namespace ${berthNamespace}`;
  const hint =
    found.length > 0
      ? `Berth is in ${found.map(placeOf).join(' and ')}`
      : 'helm list -A shows where Berth is installed; --berth-namespace names its namespace';
  return new Failure(
    exits.unreachable,
    `there is no Berth in ${where}: no DaemonSet or Deployment has its labels`,
    hint,
  );
}

function several(found: readonly Place[]): Failure {
  const where = found.map(placeOf).join(' and ');
  const hint = 'a cluster may have only one: uninstall the others; until then choose one with --berth-namespace';
  return new Failure(exits.wrong, `Berth is installed more than once: in ${where}`, hint);
}

/** Has the template of a workload this role? Another program may have the same name label. */
function hasRole({ spec }: RawWorkload, role: string): boolean {
  const { metadata, spec: pod } = spec?.template ?? {};
  return metadata?.labels?.[componentLabel] === role || pod?.containers?.[0]?.args?.[0] === role;
}

const isSpeakers = (workload: RawWorkload) => hasRole(workload, 'speaker');
const isController = (workload: RawWorkload) => hasRole(workload, 'controller');

function targetOf({ spec, status }: RawDaemonSet): SpeakerTarget {
  const { nodeSelector = {} } = spec?.template?.spec ?? {};
  return { nodeSelector, wanted: status?.desiredNumberScheduled ?? Number.POSITIVE_INFINITY };
}

function podView({ metadata, spec, status }: RawPod): BerthPod {
  const isReady = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
  return {
    name: metadata.name,
    node: spec?.nodeName ?? '',
    ready: isReady && metadata.deletionTimestamp === undefined,
  };
}

function versionOf(workload: RawWorkload | undefined): string | undefined {
  return workload?.metadata.labels?.['app.kubernetes.io/version'];
}

function argsOf(workload: RawWorkload | undefined): readonly string[] {
  return workload?.spec?.template?.spec?.containers?.[0]?.args ?? [];
}

/**
 * Reads the settings from the arguments of both roles. For a missing argument the result has the default of
 * main.ts.
 */
export function settingsOf(controller: readonly string[], speaker: readonly string[]): Settings {
  const handOff = valuesOf(controller, '--hand-off')[0] as HandOff | undefined;
  const classes = valuesOf(controller, '--load-balancer-class');
  const health = valuesOf(speaker, '--health')[0] ?? '';
  return {
    ownership: {
      classes: controller.includes('--no-load-balancer-class')
        ? []
        : classes.length > 0
          ? classes
          : ['berth.dev/berth'],
      withoutClass: !controller.includes('--no-services-without-class'),
      takeOver: controller.includes('--take-over'),
      writer: 'berth-controller',
    },
    handOff: handOff !== undefined && handOffs.includes(handOff) ? handOff : 'KubeProxy',
    healthPort: Number(/:(\d+)$/.exec(health)?.[1] ?? defaultPorts.health),
    livenessPort: Number(valuesOf(speaker, '--liveness-port')[0] ?? defaultPorts.liveness),
    assumeAlive: valuesOf(speaker, '--assume-alive'),
  };
}

function valuesOf(args: readonly string[], flag: string): readonly string[] {
  return args.flatMap((arg, i) => {
    if (arg.startsWith(`${flag}=`)) return [arg.slice(flag.length + 1)];
    const next = args[i + 1];
    return arg === flag && next !== undefined ? [next] : [];
  });
}
