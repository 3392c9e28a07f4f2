/** The allocation bench's own process. It runs on the control plane's host, measures and prints. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLab } from '../lab/cluster.ts';
import { readProcesses } from '../lab/state.ts';
import type { Order } from './allocate.ts';
import { Api } from './allocate-api.ts';
import { benchBesideBad } from './allocate-beside.ts';
import { createPool, deletePool, Seen } from './allocate-objects.ts';
import * as phases from './allocate-phases.ts';
import { type Role, startRole, usageOf } from './allocate-processes.ts';
import { countRequestsOf } from './allocate-requests.ts';
import { printResults } from './allocate-table.ts';
import { machineLine } from './machine.ts';

const order: Order = JSON.parse(process.argv[2] ?? '{}');
const { controllerKubeconfig, speakerKubeconfig, namespace, program } = order;
const lab = openLab(order.id);
const logs = `${lab.stateDir}/bench-logs`;
const log = (line: string) => console.error(`bench: ${line}`);
const common = ['--namespace', namespace, '--kubeconfig'];

mkdirSync(logs, { recursive: true });
const api = await Api.open(lab.kubeconfig);
await countRequestsOf(api, { name: order.controllerAccount, namespace });
const speakers = order.speakers === 'run' ? await startSpeakers() : [await startWatches()];
const servers = readProcesses(lab.id, lab.controlPlane.name);
const cpuOf = (name: string) => () =>
  sum(servers.filter((each) => each.name === name).map(({ pid }) => usageOf(pid).cpuSeconds));
const stage: phases.Stage = {
  ...{ lab, api, log },
  others: {
    [phases.apiServer]: cpuOf('kube-apiserver'),
    [phases.etcd]: cpuOf('etcd'),
    'controller manager': cpuOf('kube-controller-manager'),
    [order.speakers === 'run' ? 'three speakers' : "three speakers' watches"]: () =>
      sum(speakers.map((each) => each.usage().cpuSeconds)),
    'the bench': () => usageOf(process.pid).cpuSeconds,
  },
};
const results: phases.Results[] = [];
try {
  for (const services of order.services) {
    if (order.bad > 0) await measureBesideBad(services);
    else results.push(await measure(services));
  }
} finally {
  // The measurements before a failure took minutes, so they are printed as well.
  if (results.length > 0) {
    console.log(machineLine());
    printResults(results);
  }
}
if (order.speakers === 'run')
  console.log(`the speakers' peak RSS, MB: ${speakers.map((each) => each.usage().peakMb.toFixed(0)).join(', ')}`);
for (const each of speakers) await each.stop();
api.close();

/** Runs all phases in order, with a new pool and a new controller. */
async function measure(services: number): Promise<phases.Results> {
  await createPool(api, lab.controlPlane, services);
  const empty = await phases.measureLimit(stage, services, 0);
  const seen = await Seen.from(api);
  const names = Array.from({ length: services }, (_, index) => `service-${index}`);
  const first = startController(`create-${services}`);
  await first.said('leading');
  const creation = await phases.measureCreation(stage, first, { seen, names });
  await first.stop();
  const inPlace = await phases.measureLimit(stage, services, services);
  const { controller, ...restart } = await phases.measureRestart(stage, () => startController(`restart-${services}`));
  const conversion = await phases.measureConversion(stage, controller, names);
  // The smaller numbers would take minutes, and would show the same as the largest one.
  const isLargest = services === Math.max(...order.services);
  const full = isLargest ? await phases.measureFullPool(stage, controller, { seen, names }) : undefined;
  const deletion = await phases.measureDeletion(stage, full?.left ?? names);
  seen.end();
  await controller.stop();
  await deletePool(api);
  return { services, limits: { empty, inPlace }, creation, restart, conversion, full, deletion };
}

async function measureBesideBad(services: number): Promise<void> {
  const controller = startController(`bad-${services}`);
  await controller.said('leading');
  await benchBesideBad(stage, controller, { services, bad: order.bad });
  await controller.stop();
}

function startController(name: string): Role {
  const args = ['controller', ...common, controllerKubeconfig, '--health', '127.0.0.1:18081'];
  return startRole({ host: lab.controlPlane, argv: [...program, ...args], name, logs, profile: order.profile });
}

/** Holds the watches of three speakers: their cost for the API server, without the work that they do on their own machines. */
async function startWatches(): Promise<Role> {
  const argv = [join(import.meta.dirname, 'allocate-watches.ts'), speakerKubeconfig, namespace];
  const role = startRole({ host: lab.controlPlane, argv, name: 'watches', logs });
  await role.said('ready');
  return role;
}

/** Starts a real speaker on each host of the lab. Each announces its third of the addresses. */
async function startSpeakers(): Promise<readonly Role[]> {
  const hosts = [...lab.nodes.slice(0, 1), lab.controlPlane, lab.client];
  const alive = hosts.flatMap(({ name }) => ['--assume-alive', name]);
  // Only Nodes hold addresses, so a host without a Node gets one.
  for (const { name, ip } of hosts.slice(1)) {
    const body = { apiVersion: 'v1', kind: 'Node', metadata: { name } };
    await api.call({ method: 'POST', path: '/api/v1/nodes', body });
    const status = { addresses: [{ type: 'InternalIP', address: ip }] };
    const contentType = 'application/merge-patch+json';
    await api.call({ method: 'PATCH', path: `/api/v1/nodes/${name}/status`, contentType, body: { status } });
  }
  const key = join(logs, 'liveness-key');
  writeFileSync(key, `${randomBytes(32).toString('base64')}\n`);
  const roles = hosts.map((host) => {
    const args = ['speaker', ...common, speakerKubeconfig, '--node-name', host.name, '--liveness-key', key, ...alive];
    return startRole({ host, argv: [...program, ...args], name: `speaker-${host.name}`, logs, profile: order.profile });
  });
  await Promise.all(roles.map((role) => role.said('ready')));
  return roles;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
