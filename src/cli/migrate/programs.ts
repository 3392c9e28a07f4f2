/** Stops MetalLB's programs so that they can be started again as they were, and starts them. */
import { readOne } from '../cluster/read.ts';
import type { Reach, Session } from '../cluster/session.ts';
import type { Workload } from '../doctor/facts.ts';
import { wrong } from '../output/failure.ts';
import { mergePatch, timeoutMs, until } from './requests.ts';

/** A node selector that no node matches: a DaemonSet cannot be scaled to zero. */
const stoppedLabel = 'berth.dev/stopped-by-migrate';
/** Annotation of a Deployment that was stopped: the number of its replicas before. */
const replicasAnnotation = 'berth.dev/replicas-before-migrate';

/** A Deployment or a DaemonSet, with the fields that show whether it runs. */
interface RunningWorkload {
  readonly metadata?: {
    readonly generation?: number;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly spec?: { readonly nodeSelector?: Readonly<Record<string, string>> } };
  };
  readonly status?: Readonly<Record<string, number | undefined>>;
}

/** The connection, and where progress is printed. */
export interface Connection {
  readonly session: Session;
  readonly reach: Reach;
}

/** The API path of a workload. */
export function workloadPath({ kind, namespace, name }: Pick<Workload, 'kind' | 'namespace' | 'name'>): string {
  return `/apis/apps/v1/namespaces/${namespace}/${kind === 'Deployment' ? 'deployments' : 'daemonsets'}/${name}`;
}

/** Names a workload. */
export function titleOfWorkload({ kind, namespace, name }: Pick<Workload, 'kind' | 'namespace' | 'name'>): string {
  return `${kind} ${namespace}/${name}`;
}

/** Stops a program, and waits until its Pods are gone. */
export async function stop(program: Workload, connection: Connection): Promise<void> {
  const isDeployment = program.kind === 'Deployment';
  // A second run finds no replicas, and must not forget how many there were.
  const annotations = program.wanted > 0 && { [replicasAnnotation]: String(program.wanted) };
  const body = isDeployment
    ? { metadata: { ...(annotations && { annotations }) }, spec: { replicas: 0 } }
    : { spec: { template: { spec: { nodeSelector: { [stoppedLabel]: 'true' } } } } };
  await mergePatch(connection.reach, workloadPath(program), body);
  const counts = isDeployment ? ['replicas'] : ['desiredNumberScheduled', 'currentNumberScheduled', 'numberReady'];
  const isGone = ({ status }: RunningWorkload) => counts.every((field) => (status?.[field] ?? 0) === 0);
  await settled(program, { ...connection, isThere: isGone, otherwise: 'still has Pods' });
  connection.session.terminal.note(`stopped ${titleOfWorkload(program)}\n`);
}

/** Whether a program was stopped: by {@link stop}, or by hand. */
export async function isStopped(program: Workload, reach: Reach): Promise<boolean> {
  const { spec } = (await readOne<RunningWorkload>(reach, workloadPath(program))) ?? {};
  return program.kind === 'Deployment'
    ? spec?.replicas === 0
    : spec?.template?.spec?.nodeSelector?.[stoppedLabel] !== undefined;
}

/** Starts a program that was stopped, with as many replicas as before. */
export async function start(program: Workload, { session, reach }: Connection): Promise<void> {
  const path = workloadPath(program);
  const { metadata } = (await readOne<RunningWorkload>(reach, path)) ?? {};
  const replicas = Number(metadata?.annotations?.[replicasAnnotation] ?? 1);
  const body =
    program.kind === 'Deployment'
      ? { metadata: { annotations: { [replicasAnnotation]: null } }, spec: { replicas } }
      : { spec: { template: { spec: { nodeSelector: { [stoppedLabel]: null } } } } };
  await mergePatch(reach, path, body);
  session.terminal.note(`started ${titleOfWorkload(program)}\n`);
}

/** Waits until all Pods of a program are ready. */
export async function ready(program: Workload, connection: Connection): Promise<void> {
  const isReady = ({ spec, status }: RunningWorkload) =>
    program.kind === 'Deployment'
      ? (status?.readyReplicas ?? 0) >= (spec?.replicas ?? 1)
      : (status?.numberReady ?? 0) >= (status?.desiredNumberScheduled ?? 1);
  await settled(program, { ...connection, isThere: isReady, otherwise: 'has Pods that are not ready' });
}

interface Wanted extends Connection {
  readonly isThere: (workload: RunningWorkload) => boolean;
  readonly otherwise: string;
}

/** Waits until the workload's controller has seen the last change, and the condition is met. */
async function settled(program: Workload, { session, reach, isThere, otherwise }: Wanted): Promise<void> {
  const isSettled = async () => {
    const object = (await readOne<RunningWorkload>(reach, workloadPath(program))) ?? {};
    return (object.status?.observedGeneration ?? 0) >= (object.metadata?.generation ?? 0) && isThere(object);
  };
  if (await until(isSettled, session)) return;
  throw wrong(
    `${titleOfWorkload(program)} ${otherwise} after ${timeoutMs / 1_000} s`,
    'check its Pods, then run the command again',
  );
}
