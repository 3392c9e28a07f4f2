/** Where Berth is installed, its settings, and which of its Pods run: read from the objects that the chart creates. */
import { type HandOff, handOffs } from '../../api/hand-off.ts';
import type { RawMeta } from '../../api/meta.ts';
import type { RawPod } from '../../api/node.ts';
import type { Ownership } from '../../ipam/ownership.ts';
import type { Lease } from '../../kube/leader.ts';
import { leasesPath, podsPath, workloadsPath } from '../../kube/resources.ts';
import { Forbidden } from '../output/failure.ts';
import { listAll, readOne } from './read.ts';
import type { Session } from './session.ts';

/** A Deployment or DaemonSet as the API server sends it. */
export interface RawWorkload {
  readonly metadata: RawMeta;
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: {
      readonly metadata?: Partial<RawMeta>;
      readonly spec?: {
        readonly containers?: readonly { readonly image?: string; readonly args?: readonly string[] }[];
      };
    };
  };
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
}

const selector = 'app.kubernetes.io/name=berth';
const defaultNamespace = 'berth-system';
const defaultPorts = { health: 7931, liveness: 7932 } as const;

/** Finds the installation and reads it. */
export async function readInstallation(session: Session): Promise<Installation> {
  const reach = await session.reach();
  const daemonSets = await findSpeakers(session);
  const namespace = session.options.berthNamespace ?? daemonSets[0]?.metadata.namespace ?? defaultNamespace;
  const [deployments, pods, lease] = await Promise.all([
    listAll<RawWorkload>(reach, workloadsPath('deployments', namespace), selector),
    listAll<RawPod>(reach, podsPath(namespace), selector),
    readOne<Lease>(reach, `${leasesPath(namespace)}/berth-controller`),
  ]);
  const podsOf = (role: string) =>
    pods.filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === role).map(podView);
  const controllers = podsOf('controller');
  const identity = lease?.spec?.holderIdentity;
  return {
    namespace,
    version: versionOf(daemonSets[0] ?? deployments[0]),
    settings: settingsOf(argsOf(deployments[0]), argsOf(daemonSets[0])),
    controllers,
    replicas: deployments[0]?.spec?.replicas ?? 0,
    leader: controllers.find(({ name }) => identity?.startsWith(name))?.name ?? identity,
    speakers: podsOf('speaker'),
  };
}

/**
 * Finds the speakers' DaemonSet by its labels. If the user may not list all namespaces, only the default one
 * is searched.
 */
async function findSpeakers(session: Session): Promise<readonly RawWorkload[]> {
  const reach = await session.reach();
  const { berthNamespace } = session.options;
  if (berthNamespace !== undefined)
    return listAll<RawWorkload>(reach, workloadsPath('daemonsets', berthNamespace), selector);
  try {
    return await listAll<RawWorkload>(reach, workloadsPath('daemonsets'), selector);
  } catch (error) {
    if (!(error instanceof Forbidden)) throw error;
    return listAll<RawWorkload>(reach, workloadsPath('daemonsets', defaultNamespace), selector);
  }
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
