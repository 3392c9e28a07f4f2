/** A node: network, mount and PID namespaces that run containerd, the kubelet and kube-proxy. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hostFolder, type LabContext, mustBeAlive } from './context.ts';
import { copyImages } from './images.ts';
import { type NodeFiles, writeNodeConfig } from './node-config.ts';
import type { NodePlan } from './plan.ts';
import { patiently } from './poll.ts';
import { childrenOf, type ProcessRecord, start, startTimeOf } from './processes.ts';
import { mustRun } from './run.ts';
import { readProcesses, recordProcess } from './state.ts';

const bootDeadlineMs = patiently(20_000);
const pollMs = 20;

/** The record name of a node's first process. All processes of the node end with it. */
export const initName = 'init';

/** Creates the disk of a new node, with the images on it. */
export async function prepareDisk(context: LabContext, node: NodePlan, images: string): Promise<void> {
  await copyImages(images, join(hostFolder(context, node.name), 'containerd'));
}

/** Boots a node. Returns when the kubelet has started. The node is Ready some seconds later. */
export async function bootNode(context: LabContext, node: NodePlan): Promise<void> {
  const files = await writeNodeConfig(context, node);
  await startInit(context, node);
  const log = join(hostFolder(context, node.name), 'containerd.log');
  const earlier = existsSync(log) ? statSync(log).size : 0;
  const containerd = await startInside(context, node, ['containerd', '--config', files.containerd]);
  await startInside(context, node, [context.binaries['kube-proxy'], ...proxyFlags(context, node)]);
  // containerd's socket is ready before its CRI service, and a kubelet that the CRI service refuses ends. This is the
  // last log line before the service is ready.
  await until(() => readFileSync(log).subarray(earlier).includes('Start streaming server'), containerd);
  await startInside(context, node, [context.binaries.kubelet, ...kubeletFlags(context, node, files)]);
}

/** Boots a node that runs only kube-proxy, and no Pods. */
export async function bootBareNode(context: LabContext, node: NodePlan): Promise<void> {
  await startInit(context, node);
  await startInside(context, node, [context.binaries['kube-proxy'], ...proxyFlags(context, node)]);
}

/** A command prefix that runs a command in all namespaces of a running node. Throws if the node is off. */
export function insideNode(id: string, node: string): { readonly pid: string; readonly argv: readonly string[] } {
  const inits = readProcesses(id, node).filter(({ name }) => name === initName);
  const alive = inits.find((record) => startTimeOf(record.pid) === record.startTime);
  if (alive === undefined) throw new Error(`${node} is off`);
  const pid = String(alive.pid);
  return { pid, argv: ['nsenter', '--target', pid, '--net', '--mount', '--uts', '--ipc', '--pid', '--'] };
}

/** Imports an image archive into a running node. */
export async function importImage(context: LabContext, node: NodePlan, archive: string): Promise<void> {
  const ctr = ['ctr', '--namespace', 'k8s.io', 'images', 'import', archive];
  await mustRun([...insideNode(context.plan.id, node.name).argv, ...ctr]);
}

async function startInit(context: LabContext, node: NodePlan): Promise<void> {
  const folder = hostFolder(context, node.name);
  const namespaces = ['--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const script = ['sh', join(import.meta.dirname, 'node-init.sh'), node.name, folder, context.stateDir];
  const argv = ['nsenter', `--net=/run/netns/${node.namespace}`, 'unshare', ...namespaces, ...script];
  const whose = { host: node.name, logFile: join(folder, `${initName}.log`) };
  const parent = start({ name: 'unshare', argv, ...whose });
  recordProcess(context.plan.id, parent);
  const init = await firstChild(parent);
  recordProcess(context.plan.id, { ...init, name: initName });
  const booted = `/proc/${init.pid}/root/run/berth-node-booted`;
  await until(() => existsSync(booted), init);
}

/** Starts a program in the node. Its record has the name of the program's file. */
async function startInside(context: LabContext, node: NodePlan, command: readonly string[]): Promise<ProcessRecord> {
  const name = (command[0] ?? '').replace(/^.*\//, '');
  const argv = [...insideNode(context.plan.id, node.name).argv, ...command];
  const logFile = join(hostFolder(context, node.name), `${name}.log`);
  // nsenter(1) must fork to enter a PID namespace, so the program itself is a child of nsenter.
  const record = await firstChild(start({ name, host: node.name, argv, logFile }));
  recordProcess(context.plan.id, record);
  return record;
}

/** The only child of a process that forks, with the name of that process. */
async function firstChild(parent: ProcessRecord): Promise<ProcessRecord> {
  await until(() => childrenOf(parent.pid).length > 0, parent);
  const [pid = 0] = childrenOf(parent.pid);
  return { ...parent, pid, startTime: startTimeOf(pid) ?? '0' };
}

/** Waits until `test` is true. Throws if the process ends before, or if it takes too long. */
async function until(test: () => boolean, record: ProcessRecord): Promise<void> {
  const deadline = performance.now() + bootDeadlineMs;
  while (!test()) {
    await mustBeAlive(record);
    if (performance.now() > deadline)
      throw new Error(`${record.name} on ${record.host} is not up after ${bootDeadlineMs} ms`);
    await delay(pollMs);
  }
}

function kubeletFlags({ pki, plan }: LabContext, node: NodePlan, files: NodeFiles): readonly string[] {
  return [
    `--config=${files.kubelet}`,
    `--kubeconfig=${join(pki, `${node.name}.kubeconfig`)}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${plan.dualStackNodes ? `${node.ip},${node.ipv6}` : node.ip}`,
    '--root-dir=/var/lib/kubelet',
  ];
}

function proxyFlags({ plan, pki }: LabContext, node: NodePlan): readonly string[] {
  return [
    `--kubeconfig=${join(pki, 'proxy.kubeconfig')}`,
    `--proxy-mode=${plan.proxyMode.replace('-strict', '')}`,
    ...(plan.proxyMode === 'ipvs-strict' ? ['--ipvs-strict-arp'] : []),
    `--hostname-override=${node.name}`,
    `--cluster-cidr=${plan.pods},${plan.podsIpv6}`,
    '--oom-score-adj=0',
    // These are settings of the whole machine, not of a network namespace.
    '--conntrack-max-per-core=0',
    '--conntrack-tcp-timeout-established=0',
    '--conntrack-tcp-timeout-close-wait=0',
  ];
}
