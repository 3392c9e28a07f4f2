/**
 * A cluster without Pods, for a guest with slow processors: a real API server, nodes with a real
 * kube-proxy, and Berth's roles as processes. The only endpoint is a server on the control plane's
 * host.
 */
import type { ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { livenessKey, namespace } from '../cluster/berth.ts';
import { ensureBinaries } from '../lab/binaries.ts';
import { repository } from '../lab/cache.ts';
import { downLab, Lab, type LabHost } from '../lab/cluster.ts';
import { contextOf, linkPrograms } from '../lab/context.ts';
import { createCredentials, startApi } from '../lab/control-plane.ts';
import { createNetwork } from '../lab/network.ts';
import { bootBareNode } from '../lab/node.ts';
import type { ProxyMode } from '../lab/plan.ts';
import { type Log, phase } from '../lab/progress.ts';
import { createState, type LabState, planOf, writeState } from '../lab/state.ts';

/** The port of the one endpoint. */
const backendPort = 8080;

/** Berth as it was built. */
const program = join(repository, 'dist/main.js');

const log: Log = (line) => process.stderr.write(`lab: ${line}\n`);

/** A lab without Pods, with Berth in it. */
export interface BareLab {
  readonly lab: Lab;
  /** The speaker of each node, by the name of the node. */
  readonly speakers: ReadonlyMap<string, ChildProcess>;
}

/** Starts a lab with two nodes. */
export async function upBareLab(id: string, proxyMode: ProxyMode): Promise<BareLab> {
  await downLab(id);
  const binaries = await ensureBinaries(log);
  const state = createState({ id, nodes: 2, proxyMode, dualStackNodes: true, binaries });
  const context = contextOf(planOf(state), binaries, log);
  linkPrograms(context);
  await phase(log, 'network and keys', () => Promise.all([createNetwork(context.plan), createCredentials(context)]));
  await phase(log, 'API server', () => startApi(context));
  const running: LabState = { ...state, phase: 'running' };
  writeState(running);
  const lab = new Lab(running, log);
  await phase(log, 'objects', () => makeObjects(lab));
  await phase(log, 'nodes', () => Promise.all(context.plan.workers.map((node) => bootBareNode(context, node))));
  return { lab, speakers: await phase(log, 'Berth', () => startBerth(lab)) };
}

async function makeObjects(lab: Lab): Promise<void> {
  const metadata = { name: namespace };
  const nodes = lab.nodes.map(({ name }) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } }));
  const items = [{ apiVersion: 'v1', kind: 'Namespace', metadata }, ...nodes];
  await lab.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const crds = ['apply', '--server-side', '--filename', join(repository, 'charts/berth/crds')];
  await lab.kubectl(crds);
  for (const { name, ip, ipv6 } of lab.nodes) {
    const addresses = [ip, ipv6].map((address) => ({ type: 'InternalIP', address }));
    const conditions = [{ type: 'Ready', status: 'True', reason: 'Bare', message: 'it runs no Pods' }];
    const patch = JSON.stringify({ status: { addresses, conditions } });
    await lab.kubectl(['patch', 'node', name, '--subresource=status', '-p', patch]);
  }
}

async function startBerth(lab: Lab): Promise<ReadonlyMap<string, ChildProcess>> {
  run(lab, lab.controlPlane, ['/agnhost', 'netexec', `--http-port=${backendPort}`]);
  const common = ['--kubeconfig', lab.kubeconfig, '--namespace', namespace];
  run(lab, lab.controlPlane, ['controller', ...common, '--health', '127.0.0.1:18081']);
  const key = ['--liveness-key', await livenessKey(lab)];
  const alive = lab.nodes.flatMap(({ name }) => ['--assume-alive', name]);
  const speaker = (name: string) => ['speaker', ...common, '--node-name', name, ...alive, ...key];
  return new Map(lab.nodes.map((host) => [host.name, run(lab, host, speaker(host.name))]));
}

/** Starts one of Berth's roles, or another program of the lab, with its output in the lab's folder. */
function run(lab: Lab, host: LabHost, args: readonly string[]): ChildProcess {
  const [role = ''] = args;
  const argv = role.startsWith('/') ? [lab.programs + role, ...args.slice(1)] : [process.execPath, program, ...args];
  const child = host.spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const file = createWriteStream(logOf(lab, host, role));
  child.stdout?.pipe(file, { end: false });
  child.stderr?.pipe(file, { end: false });
  return child;
}

/** The log of a role on a host. */
export function logOf(lab: Lab, host: LabHost, role: string): string {
  return join(lab.stateDir, `${host.name}-${role.replace('/', '')}.log`);
}

/** Fields of a Service's spec, and annotations. */
export interface ServiceOptions extends Readonly<Record<string, unknown>> {
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A Service of type LoadBalancer and its one endpoint, for both families. */
export function serviceManifest(lab: Lab, name: string, { annotations, ...spec }: ServiceOptions = {}): string {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, annotations },
    spec: { type: 'LoadBalancer', ports: [{ port: 80, targetPort: backendPort }], ...spec },
  };
  const slice = (addressType: string, address: string) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-${addressType.toLowerCase()}`, labels: { 'kubernetes.io/service-name': name } },
    addressType,
    ports: [{ name: '', port: backendPort, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  });
  const slices = [slice('IPv4', lab.controlPlane.ip), slice('IPv6', lab.controlPlane.ipv6)];
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [service, ...slices] });
}
