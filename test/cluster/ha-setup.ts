/** Prepares the cluster for controllers that a test runs itself, and restores it afterwards. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, type Lab } from '../lab/cluster.ts';
import { installBerth, ledgerOf, placeSpeakers, scaleController } from './berth.ts';
import { namespaces, pool } from './churn.ts';
import { enterNetworkOf } from './enter-network.ts';

/** Without an L2Advertisement every Service would get an Event about that. No node has its label, so no node announces anything. */
const manifests = `
apiVersion: berth.dev/v1beta1
kind: IPAddressPool
metadata: { name: ${pool.name} }
spec: { addresses: ["${pool.first}-${pool.last}"] }
---
apiVersion: berth.dev/v1beta1
kind: L2Advertisement
metadata: { name: ${pool.name} }
spec: { ipAddressPools: [${pool.name}], nodeSelectors: [{ matchLabels: { berth.dev/no-such: node } }] }
`;

/** Stops the controllers in Pods, and creates a pool and namespaces. Returns the path of the bundle to run. */
export async function prepare(lab: Lab): Promise<string> {
  enterNetworkOf(lab.controlPlane);
  // A copy: a build that starts meanwhile must not remove the program of a running controller.
  await cp(join(import.meta.dirname, '../../dist'), bundleOf(lab), { recursive: true });
  await installBerth(lab);
  // Controllers in Pods must not act beside those of the tests.
  await scaleController(lab, 0);
  // Speakers would have nothing to announce, and much to read.
  await placeSpeakers(lab, 'nowhere');
  await lab.apply(manifests);
  for (const name of namespaces) await lab.apply(`{ apiVersion: v1, kind: Namespace, metadata: { name: ${name} } }`);
  return join(bundleOf(lab), 'main.js');
}

/** Restores the cluster: every step runs, even if another one fails. The controllers in Pods clear the ledger. */
export async function restore(lab: Lab): Promise<void> {
  const failures: unknown[] = [];
  const steps = [
    () => Promise.all(namespaces.map((name) => lab.api.delete('namespaces', name))),
    () => placeSpeakers(lab, 'everywhere'),
    () => scaleController(lab, 2),
    () => eventually('an empty ledger', async () => (await ledgerOf(lab)).length === 0, { timeoutMs: 60_000 }),
    () => lab.api.delete('ipaddresspools', pool.name),
    () => lab.api.delete('l2advertisements', pool.name),
    () => rm(bundleOf(lab), { recursive: true, force: true }),
  ];
  for (const step of steps) await Promise.resolve(step()).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
}

function bundleOf(lab: Lab): string {
  return join(lab.stateDir, 'ha-controller');
}
