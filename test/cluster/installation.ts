/** Installs Berth in the lab by its chart, uses an unchanged installation again, and uninstalls it. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf } from '../lab/cache.ts';
import type { Lab } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';

/** The namespace that Berth is installed in. */
export const namespace = 'berth-system';

const where = { namespace };
const chart = new URL('../../charts/berth', import.meta.url).pathname;
const image = ['image.repository=localhost/berth', 'image.tag=lab', 'image.pullPolicy=Never'];

/**
 * Installs Berth by its chart, as a user would, and waits until every Pod of it is ready. If the last installation had the same chart and
 * values, and nothing has changed since then, it only waits.
 */
export async function installBerth(lab: Lab, sets: readonly string[] = []): Promise<void> {
  const values = [...image, ...sets];
  const state = await stateOf(lab, values);
  if (state === undefined || state !== lastState(lab)) {
    await dropLease(lab);
    await lab.helm([
      ...['upgrade', '--install', 'berth', chart, '--namespace', namespace, '--create-namespace'],
      ...values.flatMap((value) => ['--set', value]),
    ]);
    writeFileSync(stateFile(lab), (await stateOf(lab, values)) ?? '');
  }
  await rolledOut(lab);
}

/** Waits until every Pod of Berth is ready. */
export async function rolledOut(lab: Lab): Promise<void> {
  for (const workload of ['deployment/berth-controller', 'daemonset/berth-speaker'] as const) {
    await lab.rolledOut(workload, where);
  }
}

/** Uninstalls Berth if it is installed, and waits for the end of its Pods. */
export async function uninstallBerth(lab: Lab): Promise<void> {
  await lab.helm(['uninstall', 'berth', '--namespace', namespace, '--wait', '--ignore-not-found']);
  await dropLease(lab);
}

/** Scales the controller, and waits until all replicas are ready, or until the last one is gone. */
export async function scaleController(lab: Lab, replicas: number): Promise<void> {
  await lab.api.patch('deployments', 'berth-controller', { ...where, subresource: 'scale', spec: { replicas } });
  if (replicas > 0) return rolledOut(lab);
  await eventually('no controller', async () => (await podsOf(lab, 'controller')) === 0, { timeoutMs: 60_000 });
}

/** Runs a speaker on every node or on none, and waits until all speakers are ready, or until the last one is gone. */
export async function placeSpeakers(lab: Lab, place: 'everywhere' | 'nowhere'): Promise<void> {
  const nodeSelector = { 'berth.dev/no-such': place === 'nowhere' ? 'node' : null };
  await lab.api.patch('daemonsets', 'berth-speaker', { ...where, spec: { template: { spec: { nodeSelector } } } });
  if (place === 'everywhere') return rolledOut(lab);
  await eventually('no speaker', async () => (await podsOf(lab, 'speaker')) === 0, { timeoutMs: 60_000 });
}

/**
 * Deletes the Lease of an uninstalled controller. The leader cannot release it, because the uninstallation has removed its rights.
 * Without this, the next leader would wait until the Lease expires, in tests about something else.
 */
async function dropLease(lab: Lab): Promise<void> {
  if ((await lab.api.find('deployments', 'berth-controller', where)) !== undefined) return;
  await eventually('no controller', async () => (await podsOf(lab, 'controller')) === 0, { timeoutMs: 60_000 });
  await lab.api.delete('leases', 'berth-controller', where);
}

async function podsOf(lab: Lab, component: 'controller' | 'speaker'): Promise<number> {
  const labelSelector = `app.kubernetes.io/component=${component}`;
  return (await lab.api.list('pods', { ...where, labelSelector })).length;
}

/** A hash of the chart, the values, the release and the specs of the workloads. Undefined if Berth is not installed. */
async function stateOf(lab: Lab, values: readonly string[]): Promise<string | undefined> {
  const [controller, speaker, releases] = await Promise.all([
    lab.api.find('deployments', 'berth-controller', where),
    lab.api.find('daemonsets', 'berth-speaker', where),
    lab.api.list('secrets', { ...where, labelSelector: 'owner=helm,name=berth' }),
  ]);
  if (controller === undefined || speaker === undefined) return undefined;
  const made = [controller, speaker].map(({ metadata }) => `${metadata.uid} ${metadata.generation}`);
  const release = releases.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`);
  const files = globSync('**/*', { cwd: chart, withFileTypes: true }).filter((file) => file.isFile());
  const texts = files.map((file) => readFileSync(join(file.parentPath, file.name), 'utf8'));
  return hashOf(...values, ...made, ...release.sort(), ...texts);
}

function lastState(lab: Lab): string | undefined {
  try {
    return readFileSync(stateFile(lab), 'utf8');
  } catch {
    return undefined;
  }
}

function stateFile(lab: Lab): string {
  return join(lab.stateDir, 'installed');
}
