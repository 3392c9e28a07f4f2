/** Steps that many cluster tests share: install Berth, expose backends, send requests from the client. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { Lab, LabHost } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import { askerOf } from '../probe/asker.ts';
import { namespace } from './installation.ts';
import { type Condition, type Conditioned, conditionIn, type Entry, type Pool, type ServiceObject } from './objects.ts';
import * as client from './promises/client.ts';

export { sharedLab } from '../lab/shared.ts';
export { installBerth, namespace, placeSpeakers, rolledOut, scaleController, uninstallBerth } from './installation.ts';

/** Waits until Kubernetes reports a node as Ready. */
export async function nodeIsReady(lab: Lab, { name }: Pick<LabHost, 'name'>): Promise<void> {
  const isReady = async () => conditionIn(await lab.api.get<Conditioned>('nodes', name), 'Ready')?.status === 'True';
  await eventually(`${name} is ready`, isReady, { timeoutMs: 90_000 });
}

/** Waits until the API server serves a kind. */
export async function established(lab: Lab, name: string): Promise<void> {
  const isServed = async () => {
    const crd = await lab.api.get<Conditioned>('customresourcedefinitions', name);
    return conditionIn(crd, 'Established')?.status === 'True';
  };
  await eventually(`${name} is established`, isServed);
}

/** Waits until a pool has the condition `Type Status`, and returns the condition. */
export function poolSays(lab: Lab, name: string, expected: string): Promise<Condition> {
  const [type = '', status] = expected.split(' ');
  return eventually(`pool ${name}: ${expected}`, async () => {
    const found = conditionIn(await lab.api.get<Pool>('ipaddresspools', name), type);
    return found?.status === status ? found : undefined;
  });
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

/**
 * Three backends that report their name and their client's address, one per node if possible.
 * They stay for the next test file, because Pods take seconds to start and end.
 */
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

/** A Service of type LoadBalancer in front of the backends; `spec` is YAML in flow style. */
export function serviceManifest(name: string, spec = '', annotations = ''): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, annotations: { ${annotations} } }
spec: { type: LoadBalancer, selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }]${spec === '' ? '' : `, ${spec}`} }
`;
}

/** Waits until a Service's status has an address, and returns it. */
export function addressOf(lab: Lab, name: string): Promise<string> {
  return eventually(`an address of Service ${name}`, async () => (await ingressOf(lab, name)) || undefined);
}

/** The addresses in a Service's status now, separated by spaces; empty while the Service is pending. */
export async function ingressOf(lab: Lab, name: string): Promise<string> {
  const { ingress = [] } = (await lab.api.get<ServiceObject>('services', name)).status.loadBalancer ?? {};
  return ingress.map(({ ip }) => ip).join(' ');
}

/** Requests a path of an address from the client, and returns the body. Throws if there is no answer within two seconds. */
export function get(lab: Lab, address: string, path?: string): Promise<string> {
  return client.get(lab.client, { address }, path);
}

/** The same with curl(1), as a user would. */
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

/** The MACs that answer the client's broadcast ARP requests for an address: arping listens on the link and reports every sender. */
export async function answeringMacs(lab: Lab, address: string): Promise<ReadonlySet<string>> {
  const { exec, link } = lab.client;
  const { stdout } = await exec(['arping', '-c', '3', '-W', '0.3', '-i', link, address]);
  assert.match(stdout, /3 packets transmitted/, 'arping sent no requests');
  return new Set([...stdout.toLowerCase().matchAll(/bytes from ([0-9a-f:]{17})/g)].map((match) => match[1] ?? ''));
}

/**
 * Waits until a host answers for an address, and returns the MACs of all hosts that answer. An answer to curl(1) is not enough:
 * the client may still know the node that had the address before, and that node serves it before any node announces it.
 */
export function macsOf(lab: Lab, address: string): Promise<ReadonlySet<string>> {
  const ask = address.includes(':') ? advertisingMacs : answeringMacs;
  return eventually(`a host that answers for ${address}`, async () => {
    const macs = await ask(lab, address);
    return macs.size > 0 && macs;
  });
}

/** The MACs in the answers to the client's multicast Neighbor Solicitations for an IPv6 address. */
export async function advertisingMacs(lab: Lab, address: string): Promise<ReadonlySet<string>> {
  return new Set(await askerOf(lab.client).solicit({ link: lab.client.link, address }));
}

/** The names of the ledger's entries. */
export async function ledgerOf(lab: Lab): Promise<readonly string[]> {
  return (await lab.api.list('ipallocations')).map(({ metadata }) => metadata.name);
}

/** The Events of an object as `reason: note` lines, without those of an earlier object with the same name. */
export async function eventsOf(lab: Lab, kind: 'Service' | 'IPAddressPool', name: string): Promise<string> {
  const { uid } = (await lab.api.get(kind === 'Service' ? 'services' : 'ipaddresspools', name)).metadata;
  const fieldSelector = `involvedObject.uid=${uid}`;
  const events = await lab.api.list<{ readonly reason: string; readonly message: string }>('events', { fieldSelector });
  return events.map(({ reason, message }) => `${reason}: ${message}\n`).join('');
}

/** Waits until the controller has created the key of the speakers' datagrams, and returns a file with it. The file ends with the lab. */
export async function livenessKey(lab: Lab): Promise<string> {
  const read = async () => {
    const secret = await lab.api.find<{ readonly data?: { readonly keys?: string } }>('secrets', 'berth-liveness', {
      namespace,
    });
    return secret?.data?.keys;
  };
  const keys = await eventually('the liveness key', read);
  const file = `${lab.stateDir}/liveness-keys`;
  await writeFile(file, Buffer.from(keys, 'base64'), { mode: 0o600 });
  return file;
}

/**
 * Removes the objects that a test created, and waits until the ledger is empty. A test that failed during a conflict leaves an
 * address that is kept back for an hour. It must not make the tests after it fail.
 */
export async function cleanUp(lab: Lab): Promise<void> {
  await lab.api.deleteAll('services', { labelSelector: '!provider' });
  await eventually('an empty ledger', async () => {
    const entries = await lab.api.list<Entry>('ipallocations');
    const quarantined = entries.filter(({ spec }) => spec.quarantine !== undefined);
    for (const { metadata } of quarantined) await lab.api.delete('ipallocations', metadata.name);
    return entries.length === 0;
  });
  for (const kind of ['ipaddresspools', 'l2advertisements'] as const) await lab.api.deleteAll(kind);
}
