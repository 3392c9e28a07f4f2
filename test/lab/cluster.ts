/** The lab for tests and the demo: a real Kubernetes cluster on this machine, with faults to inject. */
import { Api } from './api.ts';
import { contextOf, type LabContext, programsFolder } from './context.ts';
import {
  adminKubeconfig,
  apiSocket,
  dnsOfCluster,
  serviceOfApi,
  startApiServer,
  stopApiServer,
} from './control-plane.ts';
import { defaultId, downLab, killHosts } from './down.ts';
import { hostOf, type LabHost } from './host.ts';
import { recreateHost, setPort } from './network.ts';
import { bootNode, importImage } from './node.ts';
import type { LabPlan, NodePlan } from './plan.ts';
import { eventually } from './poll.ts';
import type { Log } from './progress.ts';
import { type LabState, planOf, readState } from './state.ts';
import { buildBerth, ensureLab, helm, importBerth, kubectl, type LabOptions } from './up.ts';
import { type RolloutOptions, rolledOut, type Workload } from './workloads.ts';

export { downLab } from './down.ts';
export type { LabHost } from './host.ts';
export { downOnInterrupt } from './interrupt.ts';
export { eventually } from './poll.ts';
export type { Result } from './run.ts';
export type { LabOptions } from './up.ts';

/** Makes sure that a lab with these options runs, and returns it. */
export async function upLab(options: LabOptions = {}): Promise<Lab> {
  return new Lab(await ensureLab(options), options.log);
}

/** Returns a running lab. Throws if it does not run. */
export function openLab(id: string = defaultId): Lab {
  const state = readState(id);
  if (state?.phase !== 'running') throw new Error(`no lab "${id}" is up: start it with npm run lab -- up --id ${id}`);
  return new Lab(state);
}

/** A running lab. It continues to run after this process has ended; `close()` ends it. */
export class Lab {
  readonly id: string;
  readonly stateDir: string;
  /** The administrator's kubeconfig. It works on every host of the lab. */
  readonly kubeconfig: string;
  /** The folder with kubectl, helm and the other programs, in the cluster's version. */
  readonly programs: string;
  readonly nodes: readonly LabHost[];
  readonly client: LabHost;
  readonly controlPlane: LabHost;
  /** The network of the hosts, and free ranges of it in the form "first-last". */
  readonly subnet: LabPlan['subnet'];
  /** The address of the name server that Pods use: a free address of the range for Services. */
  readonly dnsAddress: string;
  /** Requests to the API server from this process. */
  readonly api: Api;
  readonly #context: LabContext;

  constructor(state: LabState, log: Log = () => {}) {
    const plan = planOf(state);
    this.#context = contextOf(plan, state.binaries, log);
    this.id = plan.id;
    this.stateDir = this.#context.stateDir;
    this.kubeconfig = adminKubeconfig(this.#context);
    this.programs = programsFolder(this.#context);
    const { stateDir, pki } = this.#context;
    this.api = new Api({ socketPath: apiSocket({ stateDir }), pki, address: plan.controlPlane.ip });
    this.nodes = plan.workers.map((node) => hostOf(plan.id, node));
    this.client = hostOf(plan.id, plan.client);
    this.controlPlane = hostOf(plan.id, plan.controlPlane);
    this.subnet = plan.subnet;
    this.dnsAddress = dnsOfCluster(plan);
  }

  /** Runs kubectl as the administrator, and returns its output. Throws with its standard error if it fails. */
  kubectl(args: readonly string[], options: { readonly input?: string } = {}): Promise<string> {
    return kubectl(this.#context, args, options.input);
  }

  /** Runs helm as the administrator, and returns its output. Throws with its standard error if it fails. */
  helm(args: readonly string[]): Promise<string> {
    return helm(this.#context, args);
  }

  /** Applies objects in YAML. */
  apply(yaml: string): Promise<void> {
    return this.api.apply(yaml);
  }

  /** Waits until all Pods of a workload are up to date and available, as `kubectl rollout status` does. */
  rolledOut(workload: Workload, options: RolloutOptions = {}): Promise<void> {
    return rolledOut(this.api, workload, options);
  }

  /** Imports an image archive into every node. */
  async loadImage(archive: string): Promise<void> {
    await Promise.all(this.#context.plan.workers.map((node) => importImage(this.#context, node, archive)));
  }

  /** Builds Berth and its image from this work tree, and imports the image into every node. */
  buildBerth(): Promise<void> {
    return buildBerth(this.#context);
  }

  /**
   * Imports an image of the present `dist/` into every node. Tests that run beside each other must not build: they all
   * use one `dist/`.
   */
  importBerth(): Promise<void> {
    return importBerth(this.#context);
  }

  /** Disconnects a node from the network, like a pulled cable. The node continues to run. */
  cutLink(node: LabHost): Promise<void> {
    return setPort(this.#context.plan, this.#worker(node), 'down');
  }

  /** Connects a node to the network again. */
  restoreLink(node: LabHost): Promise<void> {
    return setPort(this.#context.plan, this.#worker(node), 'up');
  }

  /** Powers a node off: cuts its link and kills all of its processes without warning. */
  async killNode(node: LabHost): Promise<void> {
    const worker = this.#worker(node);
    await this.cutLink(node);
    await killHosts(this.id, worker);
  }

  /** Boots a node that was powered off. Its disk is unchanged, and its kernel state is new. */
  async startNode(node: LabHost): Promise<void> {
    const worker = this.#worker(node);
    await killHosts(this.id, worker);
    await recreateHost(this.#context.plan, worker);
    await bootNode(this.#context, worker);
  }

  /** Stops the API server. */
  stopApiServer(): Promise<void> {
    return stopApiServer(this.#context);
  }

  /** Starts the API server again. Waits until it is ready and every node reaches it through its Service again. */
  async startApiServer(): Promise<void> {
    await startApiServer(this.#context);
    const url = `https://${serviceOfApi(this.#context.plan)}/readyz`;
    for (const node of this.nodes) {
      // kube-proxy retries with growing pauses. It has no rule for the API server's Service until it has reached it.
      await eventually(
        `${node.name} reaches ${url}`,
        async () => (await node.exec(['curl', '-sk', '--max-time', '1', url])).code === 0,
        { timeoutMs: 60_000 },
      );
    }
  }

  /** Takes the lab down. */
  close(): Promise<void> {
    return downLab(this.id);
  }

  #worker(node: LabHost): NodePlan {
    const worker = this.#context.plan.workers.find(({ name }) => name === node.name);
    if (worker === undefined) throw new Error(`${node.name} is not a node of lab ${this.id}`);
    return worker;
  }
}
