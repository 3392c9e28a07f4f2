/** What the tests on the lab's cluster do again and again: install Berth, expose backends, look from the client. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { type Lab, openLab } from '../lab/cluster.ts';
import { eventually, patiently } from '../lab/poll.ts';

/** The namespace that Berth is installed in. */
export const namespace = 'berth-system';

/** The cluster that the run has brought up. */
export function sharedLab(): Lab {
  return openLab(process.env.BERTH_LAB);
}

/** Installs Berth by its chart, as a user would, and waits until every Pod of it is ready. */
export async function installBerth(lab: Lab, sets: readonly string[] = []): Promise<void> {
  const values = ['image.repository=localhost/berth', 'image.tag=lab', 'image.pullPolicy=Never', ...sets];
  const chart = new URL('../../charts/berth', import.meta.url).pathname;
  await lab.helm([
    ...['upgrade', '--install', 'berth', chart, '--namespace', namespace, '--create-namespace'],
    ...values.flatMap((value) => ['--set', value]),
  ]);
  await rolledOut(lab);
}

/** Waits until every Pod of Berth is ready. */
export async function rolledOut(lab: Lab): Promise<void> {
  for (const workload of ['deployment/berth-controller', 'daemonset/berth-speaker']) {
    await lab.kubectl(['-n', namespace, 'rollout', 'status', workload, `--timeout=${patiently(90)}s`]);
  }
}

/** A pool and the L2Advertisement of the same name that covers it. */
export function poolManifest(name: string, ...addresses: readonly string[]): string {
  return `
apiVersion: berth.dev/v1beta1
kind: IPAddressPool
metadata: { name: ${name} }
spec: { addresses: ${JSON.stringify(addresses)} }
---
apiVersion: berth.dev/v1beta1
kind: L2Advertisement
metadata: { name: ${name} }
spec: { ipAddressPools: [${name}] }
`;
}

/** Three backends that tell their name and their client's address, one per node where that is possible. */
export const backends = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      tolerations: [{ operator: Exists }]
      topologySpreadConstraints:
        - { maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: { matchLabels: { app: web } } }
      containers:
        - name: web
          image: localhost/agnhost:lab
          imagePullPolicy: Never
          args: [netexec, --http-port=8080]
          readinessProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 1 }
`;

/** A Service of type LoadBalancer in front of the backends; \`spec\` is YAML in flow style. */
export function serviceManifest(name: string, spec = '', annotations = ''): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, annotations: { ${annotations} } }
spec: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }]${spec === '' ? '' : `, ${spec}`} }
`;
}

/** The address in a Service's status, once there is one. */
export function addressOf(lab: Lab, name: string): Promise<string> {
  return eventually(`an address of Service ${name}`, async () => (await ingressOf(lab, name)) || undefined);
}

/** The address in a Service's status now; empty while it is pending. */
export function ingressOf(lab: Lab, name: string): Promise<string> {
  return lab.kubectl(['get', 'service', name, '-o', 'jsonpath={.status.loadBalancer.ingress[*].ip}']);
}

/** What the client gets from a path behind an address; throws when it gets nothing within two seconds. */
export async function curl(lab: Lab, address: string, path = '/hostname'): Promise<string> {
  const { code, stdout, stderr } = await lab.client.exec([
    'curl',
    '-sS',
    '--fail',
    '--max-time',
    '2',
    `http://${address.includes(':') ? `[${address}]` : address}${path}`,
  ]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** The MACs that answer the client's broadcast ARP requests for an address: arping listens on the link and names every sender. */
export async function answeringMacs(lab: Lab, address: string): Promise<ReadonlySet<string>> {
  const { client } = lab;
  const { stdout } = await client.exec(['arping', '-c', '3', '-W', '0.3', '-i', client.link, address]);
  assert.match(stdout, /3 packets transmitted/, 'arping did not ask');
  return new Set([...stdout.toLowerCase().matchAll(/bytes from ([0-9a-f:]{17})/g)].map((match) => match[1] ?? ''));
}

/** The MACs that the answers to the client's multicast Neighbor Solicitations for an IPv6 address name. */
export async function advertisingMacs(lab: Lab, address: string): Promise<ReadonlySet<string>> {
  const program = new URL('../net/ndp-ask.ts', import.meta.url).pathname;
  const { code, stdout, stderr } = await lab.client.exec([process.execPath, program, lab.client.link, address]);
  assert.equal(code, 0, stderr);
  return new Set(stdout.split('\n').filter((line) => line !== ''));
}

/** The names of the ledger's entries. */
export async function ledgerOf(lab: Lab): Promise<readonly string[]> {
  const names = await lab.kubectl(['get', 'ipallocations', '-o', 'jsonpath={.items[*].metadata.name}']);
  return names.split(' ').filter((name) => name !== '');
}

/** The Events of an object, as `reason: note` lines. */
export function eventsOf(lab: Lab, kind: string, name: string): Promise<string> {
  const selector = `involvedObject.kind=${kind},involvedObject.name=${name}`;
  const format = 'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}';
  return lab.kubectl(['get', 'events', '--field-selector', selector, '-o', format]);
}

/** A file with the key of the speakers' datagrams, once the controller has made it; it ends with the lab. */
export async function livenessKey(lab: Lab): Promise<string> {
  const read = [
    '-n',
    namespace,
    'get',
    'secret',
    'berth-liveness',
    '--ignore-not-found',
    '-o',
    'jsonpath={.data.keys}',
  ];
  const keys = await eventually('the key', async () => (await lab.kubectl(read)) || undefined);
  const file = `${lab.stateDir}/liveness-keys`;
  await writeFile(file, Buffer.from(keys, 'base64'), { mode: 0o600 });
  return file;
}

/** Removes what a test made, and waits until the ledger is empty. */
export async function cleanUp(lab: Lab): Promise<void> {
  await lab.kubectl(['delete', 'service', '--selector', '!provider', '--ignore-not-found']);
  await eventually('an empty ledger', async () => (await ledgerOf(lab)).length === 0);
  await lab.kubectl(['delete', 'ipaddresspools,l2advertisements', '--all']);
}
