/** Rows: the endpoints of a Service. */
import assert from 'node:assert/strict';
import type { Pod } from '../objects.ts';
import * as client from './client.ts';
import { deployment, type Manifest, netexec, shared } from './manifests.ts';
import { eventually } from './patience.ts';
import type { Row } from './row.ts';
import type { World } from './world.ts';

const local = { externalTrafficPolicy: 'Local' };
const announced = 'berth.dev/Announced';

/** Rows: the endpoints of a Service. */
export const endpoints: readonly Row[] = [
  {
    name: 'no selector',
    promise: 'A Service without selector leads to the EndpointSlices that people write, inside the cluster or outside.',
    run: noSelector,
  },
  {
    name: 'publishNotReadyAddresses',
    promise: 'Pods that are not ready get no traffic, unless the Service asks for it.',
    run: notReady,
  },
  {
    name: 'hostNetwork',
    promise: "Endpoints on their node's own network are served, with either `externalTrafficPolicy`.",
    run: hostNetwork,
  },
  {
    name: 'same hostPort',
    promise:
      "A Pod's `hostPort` with the number of the Service's port keeps the nodes' traffic; the address keeps its own.",
    run: sameHostPort,
  },
  {
    name: 'terminating endpoints',
    promise: 'If no other endpoint is left, terminating endpoints that still serve get the traffic.',
    isLong: true,
    run: terminating,
  },
  {
    name: 'zero endpoints',
    promise: 'The client is refused, as at a node port, and the Service has the reason.',
    isLong: true,
    run: zeroEndpoints,
  },
];

async function noSelector(world: World): Promise<void> {
  const ports = [
    { name: 'outside', port: 443, targetPort: 6443 },
    { name: 'inside', port: 80, targetPort: 8080 },
  ];
  const { name, vip } = await world.expose({ selector: null, ports });
  await world.says(name, announced, 'True NoEndpoints');
  const [[pod, nodeName] = []] = await world.pods(shared.web);
  const { podIP = '' } = (await world.lab.api.get<Pod>('pods', `${pod}`)).status;
  // The host of the API server is not a node.
  const outside = { addresses: [world.lab.controlPlane.ip] };
  await world.make(
    slice({ service: name, port: { name: 'outside', port: 6443 }, endpoint: outside }),
    slice({ service: name, port: { name: 'inside', port: 8080 }, endpoint: { addresses: [podIP], nodeName } }),
  );
  await world.answeredBy({ address: vip }, [`${pod}`]);
  const ask = ['curl', '-sSk', '--max-time', '2', `https://${vip}/version`];
  await eventually('an answer of the API server', async () =>
    /"(gitVersion|apiVersion)"/.test((await world.lab.client.exec(ask)).stdout),
  );
}

interface SliceParts {
  readonly service: string;
  readonly port: { readonly name: string; readonly port: number };
  readonly endpoint: Readonly<Record<string, unknown>>;
}

function slice({ service, port, endpoint }: SliceParts): Manifest {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-${port.name}`, labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    ports: [port],
    endpoints: [endpoint],
  };
}

async function notReady(world: World): Promise<void> {
  const never = { tcpSocket: { port: 1 }, periodSeconds: 1 };
  await world.make(deployment(world.name, { containers: [netexec(8080, { readinessProbe: never })] }));
  const { name, vip } = await world.expose({ selector: { app: world.name } });
  await world.ends({ address: vip }, 'Refused');
  await world.patch(name, { publishNotReadyAddresses: true });
  const [pod] = (await world.pods(world.name)).keys();
  await world.answeredBy({ address: vip }, [`${pod}`]);
  await world.patch(name, local);
  await world.seesClient(vip);
}

async function hostNetwork(world: World): Promise<void> {
  const spec = { hostNetwork: true, dnsPolicy: 'Default' };
  await world.make(deployment(world.name, { containers: [netexec(18_080)], spec }));
  const { name, vip } = await world.expose({
    selector: { app: world.name },
    ports: [{ port: 80, targetPort: 'http' }],
  });
  await world.get({ address: vip });
  await world.patch(name, local);
  await world.seesClient(vip);
}

async function sameHostPort(world: World): Promise<void> {
  const port = 8088;
  const ports = [{ name: 'http', containerPort: 8080, hostPort: port }];
  // One per node, so also on the holder of the address.
  await world.make(
    deployment(world.name, { replicas: world.lab.nodes.length, containers: [netexec(8080, { ports })] }),
  );
  await world.ready(world.name);
  const { vip } = await world.expose({ ports: [{ port, targetPort: 8080 }] });
  await world.answeredBy({ address: vip, port }, (await world.pods(shared.web)).keys());
  const pods = await world.pods(world.name);
  for (const [pod, node] of pods) {
    const address = world.lab.nodes.find(({ name }) => name === node)?.ip ?? assert.fail(node);
    await world.answeredBy({ address, port }, [pod]);
  }
  assert.equal(new Set(pods.values()).size, world.lab.nodes.length);
}

interface EndpointSlice {
  readonly endpoints?: readonly {
    readonly conditions: { readonly ready: boolean; readonly serving: boolean; readonly terminating: boolean };
  }[];
}

async function terminating(world: World): Promise<void> {
  // Enough time for the next steps; the server answers all the time.
  const delay = netexec(8080, { args: ['--delay-shutdown=40'] });
  await world.make(deployment(world.name, { containers: [delay], spec: { terminationGracePeriodSeconds: 45 } }));
  await world.ready(world.name);
  const spec = { selector: { app: world.name } };
  const services = [await world.expose(spec, 'cluster'), await world.expose({ ...spec, ...local }, 'local')];
  const [pod] = (await world.pods(world.name)).keys();
  for (const { vip } of services) await world.answeredBy({ address: vip }, [`${pod}`]);
  await world.lab.api.patch('deployments', world.name, { spec: { replicas: 0 } });
  const { name } = services[0] ?? assert.fail();
  await eventually('a terminating endpoint', async () => {
    const labelSelector = `kubernetes.io/service-name=${name}`;
    const slices = await world.lab.api.list<EndpointSlice>('endpointslices', { labelSelector });
    const [conditions, ...more] = slices.flatMap(({ endpoints }) => endpoints ?? []).map((one) => one.conditions);
    assert.equal(more.length, 0);
    return conditions?.terminating && conditions.serving && !conditions.ready;
  });
  for (const { vip } of services) {
    assert.deepEqual(await client.answers(world.lab.client, { address: vip }), new Set([pod]));
  }
}

async function zeroEndpoints(world: World): Promise<void> {
  const { name, vip } = await world.expose({ selector: { app: 'nobody' } });
  await world.ends({ address: vip }, 'Refused');
  await world.says(name, announced, 'True NoEndpoints');
  // No node holds it yet, and no node spreads it.
  const localName = await world.service({ selector: { app: 'nobody' }, ...local }, 'local');
  await world.says(localName, announced, 'False NoLocalEndpoints');
  const names = [name, localName];
  for (const each of names) await world.patch(each, { selector: { app: shared.web } });
  for (const each of names) {
    await world.get({ address: (await world.addressed(each)).vip });
    await world.says(each, announced, 'True Announced');
  }
  // The holder continues: if it stopped, that would not bring an endpoint back.
  for (const each of names) await world.patch(each, { selector: { app: 'nobody' } });
  for (const each of names) await world.says(each, announced, 'True NoEndpoints');
}
