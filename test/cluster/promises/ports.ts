/** Rows: a Service's ports. */
import assert from 'node:assert/strict';
import * as client from './client.ts';
import { namedPort, secondAnswer, shared } from './manifests.ts';
import { eventually } from './patience.ts';
import type { Row } from './row.ts';
import type { World } from './world.ts';

/** Rows: a Service's ports. */
export const ports: readonly Row[] = [
  {
    name: 'numeric targetPort',
    promise: 'Traffic to `port` reaches the Pods at the number `targetPort`; all Pods take part.',
    run: async (world) => {
      const { vip } = await world.expose({ ports: [{ port: 8888, targetPort: 8080 }] });
      await world.answeredBy({ address: vip, port: 8888 }, (await world.pods(shared.web)).keys());
    },
  },
  {
    name: 'named targetPort',
    promise: 'A name as `targetPort` means whatever number each Pod gives that name.',
    run: async (world) => {
      const { vip } = await world.expose({ selector: namedPort, ports: [{ port: 80, targetPort: 'http' }] });
      const pods = [...(await world.pods(shared.web)).keys(), ...(await world.pods(shared.single)).keys()];
      await world.answeredBy({ address: vip }, pods);
    },
  },
  {
    name: 'fixed nodePort',
    promise: 'A `nodePort` that the Service names is kept, and is served at every node beside the address.',
    run: async (world) => {
      const nodePort = 30_080;
      const { name, vip } = await world.expose({ ports: [{ port: 80, targetPort: 8080, nodePort }] });
      await world.get({ address: vip });
      assert.equal((await world.read(name)).spec.ports[0]?.nodePort, nodePort);
      for (const { ip } of world.lab.nodes) await world.get({ address: ip, port: nodePort });
    },
  },
  {
    name: 'no nodePorts',
    promise: 'With `allocateLoadBalancerNodePorts: false` the Service has no node ports, and its address is served.',
    run: async (world) => {
      const { name, vip } = await world.expose({ allocateLoadBalancerNodePorts: false });
      await world.get({ address: vip });
      const { spec, status } = await world.read(name);
      assert.equal(spec.ports[0]?.nodePort, undefined);
      // Without a node port there is nothing to rewrite to: kube-proxy serves the address, and the status says so.
      assert.deepEqual(
        status.loadBalancer?.ingress?.map(({ ipMode }) => ipMode),
        ['VIP'],
      );
      if (world.column.handOff === 'NodePort') await world.says(name, 'berth.dev/HandOff', 'False NoNodePorts');
    },
  },
  {
    name: 'several ports',
    promise: 'Each of several ports leads to its own `targetPort`; a port that is not named leads nowhere.',
    run: severalPorts,
  },
  {
    name: 'UDP',
    promise: 'UDP ports are served; the answer comes from the address that was asked.',
    run: async (world) => {
      const { vip } = await world.expose({ ports: [{ port: 53, targetPort: 'dns', protocol: 'UDP' }] });
      await world.answeredOverUdp({ address: vip, port: 53 }, (await world.pods(shared.web)).keys());
    },
  },
  {
    name: 'mixed protocols',
    promise: 'One Service, one port number, TCP and UDP.',
    run: async (world) => {
      const { vip } = await world.expose({
        ports: [
          { name: 'tcp', port: 53, targetPort: 'http' },
          { name: 'udp', port: 53, targetPort: 'dns', protocol: 'UDP' },
        ],
      });
      const target = { address: vip, port: 53 };
      const pods = await world.pods(shared.web);
      await world.answeredBy(target, pods.keys());
      await world.answeredOverUdp(target, pods.keys());
    },
  },
];

async function severalPorts(world: World): Promise<void> {
  const first = { name: 'first', port: 80, targetPort: 8080 };
  const second = { name: 'second', port: 81, targetPort: 9090 };
  const { name, vip } = await world.expose({ ports: [first, second] });
  const pods = await world.pods(shared.web);
  await world.answeredBy({ address: vip, port: 80 }, pods.keys());
  await world.answeredBy({ address: vip, port: 81 }, [secondAnswer]);
  assert.notEqual(await client.outcome(world.lab.client, { address: vip, port: 82 }), 'Answered');
  // One port is added and another one is removed while the Service exists.
  await world.patch(name, { ports: [second, { name: 'third', port: 82, targetPort: 'http' }] });
  await world.answeredBy({ address: vip, port: 82 }, pods.keys());
  await eventually(
    'port 80 leads nowhere',
    async () => (await client.outcome(world.lab.client, { address: vip })) !== 'Answered',
  );
  await world.answeredBy({ address: vip, port: 81 }, [secondAnswer]);
}
