/** Holds the watches of three speakers and reads all events as fast as they come: `allocate-watches.ts KUBECONFIG NAMESPACE`. */
import { setTimeout as delay } from 'node:timers/promises';
import { collections, podsPath } from '../../src/kube/resources.ts';
import { Api } from './allocate-api.ts';

const [kubeconfig = '', namespace = ''] = process.argv.slice(2);
const { allocations, services, advertisements, nodes, endpointSlices } = collections;
const paths = [allocations, services, advertisements, nodes, endpointSlices, podsPath(namespace)];
const pauseMs = 1_000;

const api = await Api.open(kubeconfig);
const three = [...paths, ...paths, ...paths];
const watches = await Promise.all(three.map((path) => api.watch(path, () => {})));
console.log(JSON.stringify({ time: new Date().toISOString(), msg: 'ready' }));
process.once('SIGTERM', () => process.exit());
for (;;) {
  for (const { failure } of watches) if (failure !== undefined) throw failure;
  await delay(pauseMs);
}
