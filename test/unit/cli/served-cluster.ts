/** A cluster that an HTTP server in this process serves, for whole command lines. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import type { SpeakerStatus } from '../../../src/api/speaker-status.ts';
import { plain } from '../../../src/cli/output/colors.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { answerPortForward } from './served-speakers.ts';

/** An object as the API server sends it. */
export interface RawObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  } & Readonly<Record<string, unknown>>;
  readonly spec?: object;
  readonly status?: object;
}

/** What the server serves. */
export interface ServedCluster {
  /** The objects by the path that lists them over all namespaces. A path that is not here is not served (404). */
  readonly objects: Readonly<Record<string, readonly RawObject[]>>;
  /** Documents by their own path, such as those about an API group. */
  readonly documents?: Readonly<Record<string, object>>;
  /** The status of a refusal, such as 403; undefined for no refusal. */
  readonly refuses?: (path: string, method: string) => number | undefined;
  /** The status of the speaker on a node; without it the speaker does not answer. */
  readonly speakers?: (node: string) => SpeakerStatus | undefined;
}

/** A request that changes something. */
export interface Write {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: string;
}

/** The output of a command line. */
export interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly notes: string;
  readonly writes: readonly Write[];
}

const berth = '/apis/berth.dev/v1beta1';
const name = { 'app.kubernetes.io/name': 'berth' };

/** The labels of an installation's objects. */
const labelsOf = (instance: string) => ({ ...name, 'app.kubernetes.io/instance': instance });

interface Installed {
  readonly instance?: string;
  readonly nodes?: readonly string[];
  /** The number of nodes that should run a speaker. */
  readonly desired?: number;
}

/** The workloads and Pods of an installation with a speaker on each of these nodes. */
export function installation(
  namespace: string,
  { instance = 'berth', nodes = ['n1', 'n2'], desired = nodes.length }: Installed = {},
): Readonly<Record<string, readonly RawObject[]>> {
  const labels = { ...labelsOf(instance), 'app.kubernetes.io/version': '1' };
  const workload = (role: string, spec: object, status: object): RawObject => ({
    metadata: { name: `${instance}-${role}`, namespace, labels, uid: role, resourceVersion: '1' },
    spec: {
      ...spec,
      template: {
        metadata: { labels: { ...labels, 'app.kubernetes.io/component': role } },
        spec: { nodeSelector: { 'kubernetes.io/os': 'linux' }, containers: [{ args: [role], image: 'berth:1' }] },
      },
    },
    status,
  });
  const pod = (role: string, node: string): RawObject => ({
    metadata: {
      ...{ name: `${instance}-${role}-${node}`, namespace, uid: `${role}-${node}`, resourceVersion: '1' },
      labels: { ...labels, 'app.kubernetes.io/component': role },
    },
    spec: { nodeName: node, containers: [{ image: 'berth:1' }] },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });
  return {
    '/apis/apps/v1/daemonsets': [workload('speaker', {}, { desiredNumberScheduled: desired })],
    '/apis/apps/v1/deployments': [workload('controller', { replicas: 1 }, {})],
    '/api/v1/pods': [pod('controller', nodes[0] ?? ''), ...nodes.map((node) => pod('speaker', node))],
  };
}

/** A node with Linux, or with another system. */
export function rawNode(named: string, address: string, os = 'linux'): RawObject {
  return {
    metadata: { name: named, uid: named, resourceVersion: '1', labels: { 'kubernetes.io/os': os } },
    status: { addresses: [{ type: 'InternalIP', address }] },
  };
}

/** The lists of a small cluster without an installation. */
export const bare: Readonly<Record<string, readonly RawObject[]>> = {
  '/api/v1/services': [],
  '/api/v1/nodes': [rawNode('n1', '192.0.2.101'), rawNode('n2', '192.0.2.102')],
  '/api/v1/namespaces': [
    { metadata: { name: 'default', uid: 'd', resourceVersion: '1' } },
    { metadata: { name: 'berth-system', uid: 'b', resourceVersion: '1' } },
  ],
  '/apis/discovery.k8s.io/v1/endpointslices': [],
  '/apis/apps/v1/daemonsets': [],
  '/apis/apps/v1/deployments': [],
  '/api/v1/pods': [],
  '/api/v1/events': [],
  '/api/v1/configmaps': [],
  '/apis/coordination.k8s.io/v1/leases': [],
  [`${berth}/ipaddresspools`]: [
    {
      metadata: { name: 'p', uid: 'p', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: { addresses: ['192.0.2.10-192.0.2.19'] },
    },
  ],
  [`${berth}/l2advertisements`]: [{ metadata: { name: 'a', uid: 'a', resourceVersion: '1' }, spec: {} }],
  [`${berth}/ipallocations`]: [],
};

/** The lists of several parts, one after the other. */
export function together(
  ...parts: readonly Readonly<Record<string, readonly RawObject[]>>[]
): Readonly<Record<string, readonly RawObject[]>> {
  const all: Record<string, readonly RawObject[]> = {};
  for (const part of parts)
    for (const [path, objects] of Object.entries(part)) all[path] = [...(all[path] ?? []), ...objects];
  return all;
}

/** Runs a command line against a cluster. */
export async function runAt(t: TestContext, cluster: ServedCluster, ...argv: readonly string[]): Promise<Ran> {
  const writes: Write[] = [];
  const server = createServer((request, response) => void answer(cluster, writes, { request, response }));
  server.on('upgrade', (request, socket) => {
    const pod = /\/pods\/([^/]+)\/portforward/.exec(request.url ?? '')?.[1];
    const { spec } = cluster.objects['/api/v1/pods']?.find(({ metadata }) => metadata.name === pod) ?? {};
    const status = cluster.speakers?.((spec as { nodeName?: string } | undefined)?.nodeName ?? '');
    answerPortForward(request, socket, status && JSON.stringify(status));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const folder = mkdtempSync(join(tmpdir(), 'berth-cli-'));
  t.after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { port } = server.address() as AddressInfo;
  const config = {
    clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(join(folder, 'config'), JSON.stringify(config));
  const [out, notes]: [string[], string[]] = [[], []];
  const terminal = () => ({
    out: (shown: string) => void out.push(shown),
    note: (shown: string) => void notes.push(shown),
    confirm: async () => false,
    colors: plain,
  });
  const { signal } = new AbortController();
  const exit = await runProgram({ argv: ['--kubeconfig', join(folder, 'config'), ...argv], terminal, signal });
  return { exit, out: out.join(''), notes: notes.join(''), writes };
}

async function answer(
  { objects, documents, refuses }: ServedCluster,
  writes: Write[],
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
): Promise<void> {
  const { method = 'GET' } = request;
  const url = new URL(request.url ?? '', 'http://x');
  const end = (status: number, body: object) => void response.writeHead(status).end(JSON.stringify(body));
  const refusal = refuses?.(url.pathname, method);
  if (refusal !== undefined) return end(refusal, { message: `status ${refusal}` });
  const found = documents?.[url.pathname] ?? lookUp(objects, url);
  if (method !== 'GET') {
    const body = await text(request);
    writes.push({ method, path: url.pathname, query: url.search, body });
    return end(200, JSON.parse(body) as object);
  }
  return found === undefined ? end(404, { message: 'not found' }) : end(200, found);
}

/** The list, or the object, at a URL. */
function lookUp(objects: ServedCluster['objects'], { pathname, searchParams }: URL): object | undefined {
  const [, group = '', namespace, resource = '', one] =
    /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/))?\/([^/]+)(?:\/([^/]+))?$/.exec(pathname) ?? [];
  const all = objects[`${group}/${resource}`]?.filter(
    ({ metadata }) => namespace === undefined || metadata.namespace === namespace,
  );
  if (one !== undefined) return all?.find(({ metadata }) => metadata.name === one);
  const wanted = (searchParams.get('labelSelector') ?? '').split(',').filter((part) => part !== '');
  const items = all?.filter(({ metadata: { labels = {} } }) =>
    wanted.every((part) => labels[part.split('=')[0] ?? ''] === part.split('=')[1]),
  );
  return items && { metadata: {}, items };
}
