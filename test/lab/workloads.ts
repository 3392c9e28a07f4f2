/** Waits for rollouts of Deployments and DaemonSets of a lab, and restarts them. */
import type { Api, KubeObject, Where } from './api.ts';
import { eventually } from './poll.ts';

interface Deployment extends KubeObject {
  readonly spec: { readonly replicas: number };
  readonly status: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
  };
}

interface DaemonSet extends KubeObject {
  readonly status: {
    readonly observedGeneration?: number;
    readonly desiredNumberScheduled?: number;
    readonly updatedNumberScheduled?: number;
    readonly numberAvailable?: number;
  };
}

/** A kind and a name, as in arguments of kubectl: `deployment/web`. */
export type Workload = `deployment/${string}` | `daemonset/${string}`;

/** The namespace of a workload, and the time limit of a rollout. */
export interface RolloutOptions extends Where {
  readonly timeoutMs?: number;
}

const timeoutMs = 90_000;

/** Waits until the workload has the wanted number of Pods, all are from the newest template, and all are available. */
export async function rolledOut(api: Api, workload: Workload, options: RolloutOptions = {}): Promise<void> {
  const [kind, name = ''] = workload.split('/');
  const where = options.namespace === undefined ? {} : { namespace: options.namespace };
  const isDone = async () => {
    const lacking =
      kind === 'deployment'
        ? lackingIn(await api.get<Deployment>('deployments', name, where))
        : lackingAt(await api.get<DaemonSet>('daemonsets', name, where));
    if (lacking !== undefined) throw new Error(lacking);
    return true;
  };
  await eventually(`${workload} is rolled out`, isDone, { timeoutMs: options.timeoutMs ?? timeoutMs });
}

/** Replaces all Pods of a workload, as `kubectl rollout restart` does. */
export async function restart(api: Api, workload: Workload, where: Where = {}): Promise<void> {
  const [kind, name = ''] = workload.split('/');
  const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() };
  const spec = { template: { metadata: { annotations } } };
  await api.patch(kind === 'deployment' ? 'deployments' : 'daemonsets', name, { ...where, spec });
}

/** What a Deployment still lacks; undefined if it lacks nothing. */
function lackingIn({ metadata, spec, status }: Deployment): string | undefined {
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  if (observedGeneration < (metadata.generation ?? 0)) return 'its newest spec is not seen yet';
  if (updatedReplicas < spec.replicas) return `${updatedReplicas} of ${spec.replicas} Pods are new`;
  if (replicas > updatedReplicas) return `${replicas - updatedReplicas} old Pods are left`;
  if (availableReplicas < updatedReplicas) return `${availableReplicas} of ${updatedReplicas} Pods are available`;
  return undefined;
}

/** What a DaemonSet still lacks; undefined if it lacks nothing. */
function lackingAt({ metadata, status }: DaemonSet): string | undefined {
  const {
    observedGeneration = 0,
    desiredNumberScheduled = 0,
    updatedNumberScheduled = 0,
    numberAvailable = 0,
  } = status;
  if (observedGeneration < (metadata.generation ?? 0)) return 'its newest spec is not seen yet';
  if (updatedNumberScheduled < desiredNumberScheduled)
    return `${updatedNumberScheduled} of ${desiredNumberScheduled} Pods are new`;
  if (numberAvailable < desiredNumberScheduled)
    return `${numberAvailable} of ${desiredNumberScheduled} Pods are available`;
  return undefined;
}
