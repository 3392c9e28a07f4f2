/** The cluster's control plane: etcd, API server, controller manager and scheduler, in one namespace on the bridge. */

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { auditFlags } from './audit.ts';
import type { Binaries } from './binaries.ts';
import { hostFolder, type LabContext, mustBeAlive } from './context.ts';
import { createAuthority, createCertificate, createKubeconfig, type Subject } from './pki.ts';
import type { HostPlan } from './plan.ts';
import { patiently } from './poll.ts';
import { end, type ProcessRecord, start } from './processes.ts';
import { run } from './run.ts';
import { forgetProcess, readProcesses, recordProcess } from './state.ts';

/** The port of the API server. */
export const apiPort = 6443;
const etcdPort = 2379;
const apiDeadlineMs = patiently(60_000);
const pollMs = 100;

/** An open watch may delay the end of the API server for a minute. The lab waits for this time only. */
const apiGraceMs = 3000;

/** How soon Kubernetes treats a silent node as gone. The kubelet renews its lease four times in `leaseSeconds`. */
export const nodeMonitor = { periodSeconds: 1, graceSeconds: patiently(10), leaseSeconds: patiently(10) } as const;

/** The URL of the API server. Every host of the lab can reach it. */
export function apiServerUrl(context: LabContext): string {
  return `https://${context.plan.controlPlane.ip}:${apiPort}`;
}

/** The path of the relay's socket. Processes outside of the lab's network reach the API server through it. */
export function apiSocket({ stateDir }: Pick<LabContext, 'stateDir'>): string {
  return join(stateDir, 'api.sock');
}

/** The path of the administrator's kubeconfig. */
export function adminKubeconfig(context: LabContext): string {
  return join(context.pki, 'admin.kubeconfig');
}

/** Creates all keys, certificates and kubeconfigs. */
export async function createCredentials(context: LabContext): Promise<void> {
  await createAuthority(context.pki);
  await Promise.all(
    subjectsOf(context).map(async (subject) => {
      await createCertificate(context.pki, subject);
      await createKubeconfig(context.pki, subject.file, apiServerUrl(context));
    }),
  );
}

/** The users that Kubernetes knows by name. RBAC's default roles give them their rights. */
export function subjectsOf({ plan }: LabContext): readonly Subject[] {
  const { controlPlane } = plan;
  // The Service "kubernetes" has the first address of the range.
  const serviceIp = serviceOfApi(plan);
  // A second API server may run on a worker's host.
  const ips = ['127.0.0.1', controlPlane.ip, controlPlane.ipv6, serviceIp, ...plan.workers.map(({ ip }) => ip)];
  const apiNames = ips.map((ip) => `IP:${ip}`);
  return [
    { file: 'apiserver', commonName: 'kube-apiserver', names: [...apiNames, 'DNS:kubernetes.default.svc'].join(',') },
    { file: 'apiserver-kubelet', commonName: 'kube-apiserver-kubelet', organization: 'system:masters' },
    { file: 'admin', commonName: 'admin', organization: 'system:masters' },
    { file: 'controller-manager', commonName: 'system:kube-controller-manager' },
    { file: 'scheduler', commonName: 'system:kube-scheduler' },
    { file: 'proxy', commonName: 'system:kube-proxy' },
    ...plan.workers.map(({ name, ip, ipv6 }) => ({
      file: name,
      commonName: `system:node:${name}`,
      organization: 'system:nodes',
      names: `DNS:${name},IP:${ip},IP:${ipv6}`,
    })),
  ];
}

/** Starts the control plane and waits until the API server is ready. */
export async function startControlPlane(context: LabContext): Promise<void> {
  await startApi(context);
  startProgram(context, 'kube-controller-manager', controllerManagerFlags(context));
  startProgram(context, 'kube-scheduler', [
    `--kubeconfig=${join(context.pki, 'scheduler.kubeconfig')}`,
    '--leader-elect=false',
  ]);
}

/** Starts a part of the control plane: etcd, the API server, and the relay to it. Waits until the API server is ready. */
export async function startApi(context: LabContext): Promise<void> {
  startRelay(context);
  startEtcd(context);
  await startApiServer(context);
}

/** The folder with etcd's data. */
export function etcdFolder(context: LabContext): string {
  return join(hostFolder(context, context.plan.controlPlane.name), 'etcd');
}

/** Starts etcd. A second API server, on another host, can use it too. */
export function startEtcd(context: LabContext): void {
  const urls = ['127.0.0.1', context.plan.controlPlane.ip].map((ip) => `http://${ip}:${etcdPort}`);
  startProgram(context, 'etcd', [
    `--data-dir=${etcdFolder(context)}`,
    `--listen-client-urls=${urls.join(',')}`,
    `--advertise-client-urls=${urls[0]}`,
    '--listen-peer-urls=http://127.0.0.1:2380',
    // The data is needed only while the lab exists. It need not survive a power failure.
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]);
}

/** Starts the API server, and waits until it is ready. */
export async function startApiServer(context: LabContext): Promise<void> {
  const record = startProgram(context, 'kube-apiserver', [
    ...apiServerFlags(context, context.plan.controlPlane.ip),
    ...auditFlags(context.stateDir),
  ]);
  const deadline = performance.now() + apiDeadlineMs;
  while (!(await isApiReady(context))) {
    await mustBeAlive(record);
    if (performance.now() > deadline) throw new Error(`the API server is not ready after ${apiDeadlineMs} ms`);
    await delay(pollMs);
  }
}

/** The address of the Service `kubernetes`: the first address of the range for Services. */
export function serviceOfApi(plan: LabContext['plan']): string {
  return plan.services.replace(/0\/\d+$/, '1');
}

/** The address of the name server in the configuration of Pods: by convention the tenth address of the range for Services. */
export function dnsOfCluster(plan: LabContext['plan']): string {
  return plan.services.replace(/0\/\d+$/, '10');
}

/** Stops the API server. All other processes continue to run. */
export function stopApiServer(context: LabContext): Promise<void> {
  return stopProgram(context, 'kube-apiserver', apiGraceMs);
}

/** Stops a program of the control plane. Without a grace it is killed. */
export async function stopProgram(context: LabContext, program: keyof Binaries, graceMs = 0): Promise<void> {
  const records = readProcesses(context.plan.id, context.plan.controlPlane.name);
  const found = records.filter(({ name }) => name === program);
  await end(found, graceMs);
  for (const record of found) forgetProcess(context.plan.id, record);
}

/** Starts a second API server, on another host. It does not write an audit log. */
export function startSecondApiServer(context: LabContext, host: HostPlan): ProcessRecord {
  const argv = [context.binaries['kube-apiserver'], ...apiServerFlags(context, host.ip)];
  return startHere(context, 'kube-apiserver', { argv, on: host });
}

/** Whether the API server reports that it is ready. */
export async function isApiReady(context: LabContext): Promise<boolean> {
  const identity = ['--cert', join(context.pki, 'admin.crt'), '--key', join(context.pki, 'admin.key')];
  const result = await run([
    ...inControlPlane(context),
    ...['curl', '--silent', '--fail', '--noproxy', '*', '--max-time', '2', '--cacert', join(context.pki, 'ca.crt')],
    ...[...identity, `${apiServerUrl(context)}/readyz`],
  ]);
  return result.code === 0;
}

/** A command prefix that runs a command in the control plane's network namespace. It uses exec, so the pid stays the same. */
export function inControlPlane({ plan }: LabContext): readonly string[] {
  return inNamespace(plan.controlPlane.namespace);
}

function inNamespace(name: string): readonly string[] {
  return ['nsenter', `--net=/run/netns/${name}`];
}

/** A program to start, on the control plane's host if no other is given. */
interface Here {
  readonly argv: readonly string[];
  readonly on?: HostPlan;
}

function startProgram(context: LabContext, name: keyof Binaries, flags: readonly string[]): ProcessRecord {
  return startHere(context, name, { argv: [context.binaries[name], ...flags] });
}

function startRelay(context: LabContext): void {
  const program = join(import.meta.dirname, 'relay.ts');
  startHere(context, 'relay', { argv: [process.execPath, program, apiSocket(context), `${apiPort}`] });
}

function startHere(context: LabContext, name: string, { argv: command, on }: Here): ProcessRecord {
  const { name: host, namespace } = on ?? context.plan.controlPlane;
  const logFile = join(hostFolder(context, host), `${name}.log`);
  const argv = [...inNamespace(namespace), ...command];
  const record = start({ name, host, argv, logFile });
  recordProcess(context.plan.id, record);
  return record;
}

function apiServerFlags({ plan, pki }: LabContext, ip: string): readonly string[] {
  const file = (name: string) => join(pki, name);
  return [
    `--etcd-servers=http://${plan.controlPlane.ip}:${etcdPort}`,
    `--advertise-address=${ip}`,
    `--secure-port=${apiPort}`,
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--client-ca-file=${file('ca.crt')}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${file('sa.pub')}`,
    `--service-account-signing-key-file=${file('sa.key')}`,
    `--service-cluster-ip-range=${plan.services},${plan.servicesIpv6}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--kubelet-certificate-authority=${file('ca.crt')}`,
    `--kubelet-client-certificate=${file('apiserver-kubelet.crt')}`,
    `--kubelet-client-key=${file('apiserver-kubelet.key')}`,
    '--allow-privileged',
    // No kube-proxy runs here, so the API server must reach webhooks by the addresses of their Pods.
    '--enable-aggregator-routing',
    '--profiling=false',
  ];
}

function controllerManagerFlags({ plan, pki, stateDir }: LabContext): readonly string[] {
  return [
    `--kubeconfig=${join(pki, 'controller-manager.kubeconfig')}`,
    '--leader-elect=false',
    '--use-service-account-credentials',
    `--root-ca-file=${join(pki, 'ca.crt')}`,
    `--service-account-private-key-file=${join(pki, 'sa.key')}`,
    `--service-cluster-ip-range=${plan.services},${plan.servicesIpv6}`,
    // By default it would create a folder in /usr/libexec.
    `--flex-volume-plugin-dir=${join(stateDir, 'volume-plugins')}`,
    `--node-monitor-period=${nodeMonitor.periodSeconds}s`,
    `--node-monitor-grace-period=${nodeMonitor.graceSeconds}s`,
  ];
}
