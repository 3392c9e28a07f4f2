/** Starts a lab. */
import { join } from 'node:path';
import { ensureBinaries } from './binaries.ts';
import { contextOf, type LabContext, linkPrograms } from './context.ts';
import { adminKubeconfig, createCredentials, inControlPlane, isApiReady, startControlPlane } from './control-plane.ts';
import { defaultId, downLab } from './down.ts';
import { spawnedName } from './host.ts';
import { buildBerthImage, ensureImages } from './images.ts';
import { downOnInterrupt } from './interrupt.ts';
import { createNetwork } from './network.ts';
import { bootNode, importImage, prepareDisk } from './node.ts';
import { checkId, type ProxyMode } from './plan.ts';
import { eventually } from './poll.ts';
import { ensurePrerequisites } from './prerequisites.ts';
import { isAlive } from './processes.ts';
import { type Log, phase, seconds } from './progress.ts';
import { mustRun, noProxy } from './run.ts';
import { bootId, createState, type LabState, listLabs, planOf, readProcesses, readState, writeState } from './state.ts';

/** The options of a lab. */
export interface LabOptions {
  /** Labs with different ids run side by side. */
  readonly id?: string;
  readonly nodes?: number;
  readonly proxyMode?: ProxyMode;
  /** Whether nodes also report their IPv6 address to Kubernetes. They always have one. The default is true. */
  readonly dualStackNodes?: boolean;
  readonly log?: Log;
}

/** The number of nodes if none is given. */
export const defaultNodes = 3;

const maxNodes = 50;
const readyDeadlineMs = 90_000;

/** Makes sure that a lab with these options runs. Such a lab that already runs is kept. Any other lab with this id is removed first. */
export async function ensureLab(options: LabOptions): Promise<LabState> {
  const { id = defaultId, nodes = defaultNodes, proxyMode = 'iptables', dualStackNodes = true } = options;
  const { log = () => {} } = options;
  checkId(id);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > maxNodes) throw new Error(`a lab has 1 to ${maxNodes} nodes`);
  const wanted = { id, nodes, proxyMode, dualStackNodes };
  const existing = await runningLab(wanted);
  if (existing !== undefined) return existing;
  const begin = performance.now();
  await ensurePrerequisites(log);
  const binaries = await ensureBinaries(log);
  const images = await ensureImages(binaries, log);
  if (listLabs().includes(id)) await phase(log, `removing what is left of lab ${id}`, () => downLab(id));
  const state = createState({ ...wanted, binaries });
  const running: LabState = { ...state, phase: 'running' };
  await guarded(id, async () => {
    await build(contextOf(planOf(state), binaries, log), images);
    writeState(running);
  });
  log(`lab ${id} is up: ${nodes} nodes, ${seconds(begin)}`);
  return running;
}

/** The record of a running lab with these options. Throws if another process is starting a lab with this id. */
async function runningLab(wanted: Required<Omit<LabOptions, 'log'>>): Promise<LabState | undefined> {
  const state = readState(wanted.id);
  if (state === undefined || state.bootId !== bootId()) return undefined;
  if (state.phase === 'starting' && isAlive(state.owner)) {
    throw new Error(`process ${state.owner.pid} is starting lab ${wanted.id}`);
  }
  const shape = ['nodes', 'proxyMode', 'dualStackNodes'] as const;
  if (state.phase !== 'running' || shape.some((name) => state[name] !== wanted[name])) return undefined;
  return (await isHealthy(contextOf(planOf(state), state.binaries, () => {}))) ? state : undefined;
}

/** Whether all processes of the lab still run, and all nodes are Ready. */
async function isHealthy(context: LabContext): Promise<boolean> {
  const { plan } = context;
  if (readProcesses(plan.id).some((record) => record.name !== spawnedName && !isAlive(record))) return false;
  return (await isApiReady(context)) && (await readyNodes(context)).length === plan.workers.length;
}

async function build(context: LabContext, images: string): Promise<void> {
  const { plan, log } = context;
  linkPrograms(context);
  await phase(log, 'network and keys', async () => {
    const disks = plan.workers.map((node) => prepareDisk(context, node, images));
    await Promise.all([createNetwork(plan), createCredentials(context), ...disks]);
  });
  await phase(log, 'control plane', () => startControlPlane(context));
  await phase(log, 'nodes booted', () => Promise.all(plan.workers.map((node) => bootNode(context, node))));
  await phase(log, 'nodes Ready', () =>
    eventually(
      'all nodes are Ready',
      async () => {
        const ready = await readyNodes(context);
        if (ready.length < plan.workers.length) throw new Error(`Ready are: ${ready.join(' ') || 'none'}`);
        return true;
      },
      { timeoutMs: readyDeadlineMs, everyMs: 500 },
    ),
  );
}

/** The names of the nodes that are Ready. */
export async function readyNodes(context: LabContext): Promise<readonly string[]> {
  const format =
    '{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status} {.spec.taints[*].key}{"\\n"}{end}';
  const text = await kubectl(context, ['get', 'nodes', '--output', `jsonpath=${format}`]);
  const lines = text.trim().split('\n');
  // The taint of a node that was not Ready stays for a moment after the node is Ready. Until then no Pod is scheduled there.
  return lines.flatMap((line) => (/ True *$/.test(line) ? [line.slice(0, line.indexOf(' '))] : []));
}

/** Runs helm as the cluster's administrator. */
export async function helm(context: LabContext, args: readonly string[]): Promise<string> {
  const argv = [...inControlPlane(context), context.binaries.helm, '--kubeconfig', adminKubeconfig(context), ...args];
  return mustRun(argv, { env: clientEnvironment(context) });
}

/** An environment in which kubectl and helm do not write to the user's home folder, and do not use the user's proxy. */
function clientEnvironment({ stateDir }: LabContext): Readonly<Record<string, string>> {
  const folder = (name: string) => join(stateDir, 'home', name);
  return {
    ...noProxy,
    KUBECACHEDIR: folder('kube'),
    HELM_CACHE_HOME: folder('helm-cache'),
    HELM_CONFIG_HOME: folder('helm-config'),
    HELM_DATA_HOME: folder('helm-data'),
  };
}

/** Runs kubectl as the cluster's administrator. */
export async function kubectl(context: LabContext, args: readonly string[], input?: string): Promise<string> {
  const argv = [
    ...inControlPlane(context),
    context.binaries.kubectl,
    '--kubeconfig',
    adminKubeconfig(context),
    ...args,
  ];
  return mustRun(argv, { env: clientEnvironment(context), ...(input === undefined ? {} : { input }) });
}

/** Builds Berth and its image from this work tree, and imports the image into all nodes. */
export async function buildBerth(context: LabContext): Promise<void> {
  const script = join(import.meta.dirname, '../../scripts/build.ts');
  await phase(context.log, 'Berth built', () => mustRun([process.execPath, script]));
  await importBerth(context);
}

/** Makes an image of the present `dist/`, and imports it into all nodes. */
export async function importBerth(context: LabContext): Promise<void> {
  const { plan, log } = context;
  const archive = await phase(log, 'Berth image', () => buildBerthImage(log));
  if (archive === undefined) return;
  await phase(log, 'Berth image on all nodes', () =>
    Promise.all(plan.workers.map((node) => importImage(context, node, archive))),
  );
}

/** Runs `task`. If it fails, or if the user interrupts it, the lab is removed. */
async function guarded(id: string, task: () => Promise<void>): Promise<void> {
  const stopWatching = downOnInterrupt(id);
  try {
    await task();
  } catch (error) {
    await downLab(id);
    throw error;
  } finally {
    stopWatching();
  }
}
