/** The cluster's control plane: etcd, API server, controller manager and scheduler, in one namespace on the bridge. */

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { auditFlags } from './audit.ts';
import type { Binaries } from './binaries.ts';
import { hostFolder, type LabContext, mustBeAlive } from './context.ts';
import { createAuthority, createCertificate, createKubeconfig, type Subject } from './pki.ts';
import { patiently } from './poll.ts';
import { end, type ProcessRecord, start } from './processes.ts';
import { run } from './run.ts';
import { forgetProcess, readProcesses, recordProcess } from './state.ts';

const apiPort = 6443;
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
    subjects(context).map(async (subject) => {
      await createCertificate(context.pki, subject);
      await createKubeconfig(context.pki, subject.file, apiServerUrl(context));
    }),
  );
}

/** The users that Kubernetes knows by name. RBAC's default roles give them their rights. */
function subjects({ plan }: LabContext): readonly Subject[] {
  const { controlPlane } = plan;
  // The Service "kubernetes" has the first address of the range.
  const serviceIp = serviceOfApi(plan);
  const apiNames = ['IP:127.0.0.1', `IP:${controlPlane.ip}`, `IP:${controlPlane.ipv6}`, `IP:${serviceIp}`];
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
  const folder = hostFolder(context, context.plan.controlPlane.name);
  startRelay(context);
  startProgram(context, 'etcd', [
    `--data-dir=${join(folder, 'etcd')}`,
    '--listen-client-urls=http://127.0.0.1:2379',
    '--advertise-client-urls=http://127.0.0.1:2379',
    '--listen-peer-urls=http://127.0.0.1:2380',
    // The data is needed only while the lab exists. It need not survive a power failure.
    '--unsafe-no-fsync',
    '--log-level=warn',
  ]);
  await startApiServer(context);
}

/** Starts the API server, and waits until it is ready. */
export async function startApiServer(context: LabContext): Promise<void> {
  const record = startProgram(context, 'kube-apiserver', apiServerFlags(context));
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
export async function stopApiServer(context: LabContext): Promise<void> {
  const records = readProcesses(context.plan.id, context.plan.controlPlane.name);
  const servers = records.filter(({ name }) => name === 'kube-apiserver');
  await end(servers, apiGraceMs);
  for (const record of servers) forgetProcess(context.plan.id, record);
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
  return ['nsenter', `--net=/run/netns/${plan.controlPlane.namespace}`];
}

function startProgram(context: LabContext, name: keyof Binaries, flags: readonly string[]): ProcessRecord {
  return startHere(context, name, [context.binaries[name], ...flags]);
}

function startRelay(context: LabContext): void {
  const program = join(import.meta.dirname, 'relay.ts');
  startHere(context, 'relay', [process.execPath, program, apiSocket(context), `${apiPort}`]);
}

function startHere(context: LabContext, name: string, command: readonly string[]): ProcessRecord {
  const host = context.plan.controlPlane.name;
  const logFile = join(hostFolder(context, host), `${name}.log`);
  const argv = [...inControlPlane(context), ...command];
  const record = start({ name, host, argv, logFile });
  recordProcess(context.plan.id, record);
  return record;
}

function apiServerFlags({ plan, pki, stateDir }: LabContext): readonly string[] {
  const file = (name: string) => join(pki, name);
  return [
    '--etcd-servers=http://127.0.0.1:2379',
    `--advertise-address=${plan.controlPlane.ip}`,
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
    ...auditFlags(stateDir),
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
