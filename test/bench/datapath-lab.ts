/** The cluster of the data path bench: backends on every node, and all ways to reach them. */
import type { ChildProcess } from 'node:child_process';
import { addressOf, installBerth } from '../cluster/berth.ts';
import { processesOf } from '../cluster/node-process.ts';
import { eventually, type Lab, type LabHost } from '../lab/cluster.ts';
import { startInPod } from './in-pod.ts';

/** Where a connection goes to. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** The ways to the backends that are compared. */
export const ways = ['NodePort', 'VIP, KubeProxy', 'VIP, hand-off NodePort', 'VIP, Spread'] as const;

/** Everything that is measured. */
export interface Stage {
  readonly ways: Readonly<Record<(typeof ways)[number], Target>>;
  /** One VIP of each distribution with externalTrafficPolicy Local: a node serves only with its own Pods. */
  readonly local: Readonly<Record<'Single' | 'Spread', Target>>;
  /** The servers that were started in the network namespaces of the Pods. */
  readonly servers: readonly ChildProcess[];
}

/** Ports of the backends and of their Services: one for the server that blocks in the kernel, one for many parallel downloads. */
const ports = { kernel: 9_000, downloads: 9_001 } as const;
const subject = 'datapath';

/** The Pod's own program sends a client as much data as it reads. The comment makes it recognizable among the node's processes. */
const program = `/* ${subject} */ const block = Buffer.alloc(65536);
require('node:net').createServer((s) => {
  const go = () => { while (s.write(block)); };
  s.on('error', () => {}).on('drain', go);
  go();
}).listen(${ports.downloads});`;

const workload = `
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: ${subject} }
spec:
  selector: { matchLabels: { app: ${subject} } }
  template:
    metadata: { labels: { app: ${subject} } }
    spec:
      terminationGracePeriodSeconds: 0
      tolerations: [{ operator: Exists }]
      containers:
        - name: server
          image: localhost/node:lab-base
          imagePullPolicy: Never
          command: [node, -e, ${JSON.stringify(program)}]
          readinessProbe: { tcpSocket: { port: ${ports.downloads} }, periodSeconds: 1 }
`;

interface Service {
  readonly name: string;
  readonly pool: 'single' | 'spread';
  readonly policy: 'Cluster' | 'Local';
  readonly handOff?: 'NodePort';
}

/** Installs Berth, creates backends and Services, and starts the servers. */
export async function setStage(lab: Lab, policy: Service['policy']): Promise<Stage> {
  await installBerth(lab);
  const services: readonly Service[] = [
    { name: 'plain', pool: 'single', policy },
    { name: 'rewritten', pool: 'single', policy, handOff: 'NodePort' },
    { name: 'spread', pool: 'spread', policy },
    { name: 'local-single', pool: 'single', policy: 'Local' },
    { name: 'local-spread', pool: 'spread', policy: 'Local' },
  ];
  await lab.apply([...poolsOf(lab), workload, ...services.map(serviceText)].join('---'));
  await lab.kubectl(['rollout', 'status', `daemonset/${subject}`, '--timeout=90s']);
  const vips = new Map<string, string>();
  for (const { name } of services) vips.set(name, await addressOf(lab, name));
  const vip = (name: string, port: number): Target => ({ host: vips.get(name) ?? '', port });
  const servers = await Promise.all(lab.nodes.map(startServer));
  const query = `jsonpath={.spec.ports[?(@.port==${ports.kernel})].nodePort}`;
  const nodePort = Number(await lab.kubectl(['get', 'service', 'plain', '-o', query]));
  return {
    ways: {
      NodePort: { host: lab.nodes[0]?.ip ?? '', port: nodePort },
      'VIP, KubeProxy': vip('plain', ports.kernel),
      'VIP, hand-off NodePort': vip('rewritten', ports.kernel),
      'VIP, Spread': vip('spread', ports.kernel),
    },
    local: { Single: vip('local-single', ports.downloads), Spread: vip('local-spread', ports.downloads) },
    servers,
  };
}

function poolsOf({ subnet }: Lab): readonly string[] {
  const [first = ''] = subnet.vips.split('-');
  const prefix = first.slice(0, first.lastIndexOf('.'));
  const pool = (name: Service['pool'], range: string, distribution: string) => `
apiVersion: berth.dev/v1beta1
kind: IPAddressPool
metadata: { name: ${name} }
spec: { addresses: ["${range}"], autoAssign: false }
---
apiVersion: berth.dev/v1beta1
kind: L2Advertisement
metadata: { name: ${name} }
spec: { ipAddressPools: [${name}], distribution: ${distribution} }
`;
  return [
    pool('single', `${prefix}.1-${prefix}.100`, 'Single'),
    pool('spread', `${prefix}.101-${prefix}.200`, 'Spread'),
  ];
}

function serviceText({ name, pool, policy, handOff }: Service): string {
  const annotations = { 'berth.dev/address-pool': pool, ...(handOff ? { 'berth.dev/hand-off': handOff } : {}) };
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, annotations: ${JSON.stringify(annotations)} }
spec:
  type: LoadBalancer
  externalTrafficPolicy: ${policy}
  selector: { app: ${subject} }
  ports: [{ name: kernel, port: ${ports.kernel} }, { name: downloads, port: ${ports.downloads} }]
`;
}

async function startServer(node: LabHost): Promise<ChildProcess> {
  return startInPod(node, await podProcess(node), ['datapath-server.ts', `${ports.kernel}`]);
}

/** Returns the id of the Pod's process, as the node numbers it. */
export function podProcess(node: LabHost): Promise<string> {
  return eventually(`the Pod on ${node.name}`, async () => (await processesOf(node, `^node -e /[*] ${subject}`))[0]);
}
