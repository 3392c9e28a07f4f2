/** Rows: traffic policies, and the clients that they allow. */
import assert from 'node:assert/strict';
import type { Pod } from '../objects.ts';
import * as client from './client.ts';
import { shared } from './manifests.ts';
import { eventually } from './patience.ts';
import type { Row } from './row.ts';
import type { World } from './world.ts';

const local = { externalTrafficPolicy: 'Local' };
const onSingle = { selector: { app: shared.single }, ports: [{ port: 80, targetPort: 'http' }] };

/** Rows: traffic policies, and the clients that they allow. */
export const policies: readonly Row[] = [
  {
    name: 'externalTrafficPolicy Cluster',
    promise: 'The default: the Pods of all nodes take part.',
    run: async (world) => {
      const { vip } = await world.expose({ externalTrafficPolicy: 'Cluster' });
      const pods = await world.pods(shared.web);
      assert.equal(new Set(pods.values()).size, world.lab.nodes.length, 'not every node has a Pod');
      await world.answeredBy({ address: vip }, pods.keys());
    },
  },
  {
    name: 'externalTrafficPolicy Local',
    promise: "Only Pods of the node that receives the traffic answer, and they see the client's address.",
    run: externalLocal,
  },
  {
    name: 'healthCheckNodePort',
    promise: 'With `Local`, every node reports at this port whether it has endpoints; the number can be chosen.',
    run: healthCheck,
  },
  {
    name: 'internalTrafficPolicy Local',
    promise:
      'Limits clients inside the cluster to the Pods of their own node; clients of the address are not affected.',
    isLong: true,
    run: internalLocal,
  },
  {
    name: 'clients inside the cluster',
    promise: 'Nodes and Pods reach the address too, with either `externalTrafficPolicy`.',
    isLong: true,
    run: insideClients,
  },
  {
    name: 'loadBalancerSourceRanges',
    promise: 'Only clients of these ranges reach the address; without ranges every client does.',
    run: sourceRanges,
  },
  {
    name: 'sessionAffinity ClientIP',
    promise: 'All connections of a client reach the same Pod.',
    run: affinity,
  },
];

async function externalLocal(world: World): Promise<void> {
  const { name, vip } = await world.expose(local);
  const pods = await world.pods(shared.web);
  await world.get({ address: vip });
  const serving = world.column.distribution === 'Spread' ? [...pods.values()] : [await world.holderOf(vip)];
  const there = [...pods].filter(([, node]) => serving.includes(node)).map(([pod]) => pod);
  await world.answeredBy({ address: vip }, there);
  await world.seesClient(vip);
  // The policy can change while the Service exists.
  await world.patch(name, { externalTrafficPolicy: 'Cluster' });
  await world.answeredBy({ address: vip }, pods.keys());
}

async function healthCheck(world: World): Promise<void> {
  const healthCheckNodePort = 30_081;
  const { name, vip } = await world.expose({ ...onSingle, ...local, healthCheckNodePort });
  await world.get({ address: vip });
  assert.equal((await world.read(name)).spec.healthCheckNodePort, healthCheckNodePort);
  const [node] = (await world.pods(shared.single)).values();
  assert.equal(await world.holderOf(vip), node);
  for (const { name: each, ip } of world.lab.nodes) {
    const target = { address: ip, port: healthCheckNodePort };
    const expected = each === node ? 200 : 503;
    await eventually(`${expected} from ${each}`, async () => {
      return (await client.statusOf(world.lab.client, target, '/')) === expected;
    });
  }
}

async function internalLocal(world: World): Promise<void> {
  const { name, vip } = await world.expose({ ...onSingle, internalTrafficPolicy: 'Local' });
  const [[pod, home] = []] = await world.pods(shared.single);
  await world.answeredBy({ address: vip }, [`${pod}`]);
  const { clusterIP = '' } = (await world.read(name)).spec;
  for (const node of world.lab.nodes) {
    const isHome = node.name === home;
    await eventually(`the cluster IP on ${node.name}: ${isHome ? 'an answer' : 'no answer'}`, async () => {
      return ((await client.outcome(node, { address: clusterIP })) === 'Answered') === isHome;
    });
  }
}

async function insideClients(world: World): Promise<void> {
  for (const [i, spec] of [onSingle, { ...onSingle, ...local }].entries()) {
    const { vip } = await world.expose(spec, `${i}`);
    const [pod] = (await world.pods(shared.single)).keys();
    for (const node of world.lab.nodes) {
      await eventually(`${pod} answers ${node.name}`, async () => (await client.get(node, { address: vip })) === pod);
    }
    for (const name of (await world.pods(shared.web)).keys()) {
      await eventually(`${pod} answers Pod ${name}`, async () => (await dialled(world, name, vip)) === pod);
    }
  }
}

/** The answer that a Pod of `web` gets from an address: agnhost sends a request when it gets one to `/dial`. */
async function dialled(world: World, pod: string, vip: string): Promise<string | undefined> {
  const [node] = world.lab.nodes;
  assert.ok(node);
  const { podIP: address = '' } = (await world.lab.api.get<Pod>('pods', pod)).status;
  const path = `/dial?protocol=http&request=hostname&tries=1&host=${vip}&port=80`;
  return JSON.parse(await client.get(node, { address, port: 8080 }, path)).responses?.[0];
}

async function sourceRanges(world: World): Promise<void> {
  const others = '192.0.2.0/24';
  const { name, vip } = await world.expose({ loadBalancerSourceRanges: [others, `${world.lab.client.ip}/32`] });
  await world.get({ address: vip });
  await world.patch(name, { loadBalancerSourceRanges: [others] });
  // kube-proxy drops the packets of other clients.
  await world.ends({ address: vip }, 'Dropped');
  await world.patch(name, { loadBalancerSourceRanges: [] });
  await world.get({ address: vip });
}

async function affinity(world: World): Promise<void> {
  const { name, vip } = await world.expose({ sessionAffinity: 'ClientIP' });
  await eventually('one Pod answers all', async () => {
    return (await client.answers(world.lab.client, { address: vip }, { connections: 30 })).size === 1;
  });
  await world.patch(name, { sessionAffinity: 'None' });
  await world.answeredBy({ address: vip }, (await world.pods(shared.web)).keys());
}
