/** The lab as tests and the demo use it: a real Kubernetes cluster on this machine, and faults to inject. */
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

/** Makes sure that a lab as wanted runs, and gives it. */
export async function upLab(options: LabOptions = {}): Promise<Lab> {
  return new Lab(await ensureLab(options), options.log);
}

/** Gives a lab that runs; throws when there is none. */
export function openLab(id: string = defaultId): Lab {
  const state = readState(id);
  if (state?.phase !== 'running') throw new Error(`no lab "${id}" is up: start it with npm run lab -- up --id ${id}`);
  return new Lab(state);
}

/** A lab that is up. It runs on when this object and its process are gone; close() ends it. */
export class Lab {
  readonly id: string;
  readonly stateDir: string;
  /** The administrator's kubeconfig, good on every host of the lab. */
  readonly kubeconfig: string;
  /** Folder with kubectl, helm and the other programs of the cluster's version. */
  readonly programs: string;
  readonly nodes: readonly LabHost[];
  readonly client: LabHost;
  readonly controlPlane: LabHost;
  /** The network of the hosts, and ranges "first-last" of it that are free. */
  readonly subnet: LabPlan['subnet'];
  /** Where Pods look for a name server: a free address of the Services' range. */
  readonly dnsAddress: string;
  /** The API server, asked by this process itself. */
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

  /** Runs kubectl as the administrator and gives its output; throws with its standard error when it fails. */
  kubectl(args: readonly string[], options: { readonly input?: string } = {}): Promise<string> {
    return kubectl(this.#context, args, options.input);
  }

  /** Runs helm as the administrator; throws with its standard error when it fails. */
  helm(args: readonly string[]): Promise<string> {
    return helm(this.#context, args);
  }

  /** Applies objects in YAML. */
  apply(yaml: string): Promise<void> {
    return this.api.apply(yaml);
  }

  /** Waits until all Pods of a workload are new and available, as `kubectl rollout status` does. */
  rolledOut(workload: Workload, options: RolloutOptions = {}): Promise<void> {
    return rolledOut(this.api, workload, options);
  }

  /** Imports an image archive into every node that is on. */
  async loadImage(archive: string): Promise<void> {
    await Promise.all(this.#context.plan.workers.map((node) => importImage(this.#context, node, archive)));
  }

  /** Builds Berth from this work tree, and its image, and imports that into every node. */
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

  /** Pulls a node's cable: it runs on, alone. */
  cutLink(node: LabHost): Promise<void> {
    return setPort(this.#context.plan, this.#worker(node), 'down');
  }

  /** Plugs a node's cable in again. */
  restoreLink(node: LabHost): Promise<void> {
    return setPort(this.#context.plan, this.#worker(node), 'up');
  }

  /** Switches a node's power off: its cable is dead and all of its processes are gone, without a last word. */
  async killNode(node: LabHost): Promise<void> {
    const worker = this.#worker(node);
    await this.cutLink(node);
    await killHosts(this.id, worker);
  }

  /** Boots a node whose power was off: its disk is as it was, its kernel's state is new. */
  async startNode(node: LabHost): Promise<void> {
    const worker = this.#worker(node);
    await killHosts(this.id, worker);
    await recreateHost(this.#context.plan, worker);
    await bootNode(this.#context, worker);
  }

  /** Ends the API server. */
  stopApiServer(): Promise<void> {
    return stopApiServer(this.#context);
  }

  /** Starts the API server again, and waits until it is ready and the nodes that are on reach it by its Service again. */
  async startApiServer(): Promise<void> {
    await startApiServer(this.#context);
    const url = `https://${serviceOfApi(this.#context.plan)}/readyz`;
    for (const node of this.nodes) {
      // kube-proxy looks for the API server with growing pauses, and has no rule for it until it has found it.
      await eventually(
        `${node.name} reaching ${url}`,
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
