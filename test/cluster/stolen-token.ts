/** Attacks with the stolen token of a service account. All requests are dry runs: nothing is stored. */
import assert from 'node:assert/strict';
import { ApiError, KubeClient } from '../../src/kube/client.ts';
import { connect } from '../../src/kube/connection.ts';
import { collections } from '../../src/kube/resources.ts';
import type { Lab } from '../lab/cluster.ts';
import { namespace } from './berth.ts';

/** The stolen tokens, and the target of the attacks. */
export interface Theft {
  readonly lab: Lab;
  readonly tokens: Readonly<Record<'holder' | 'other' | 'nowhere' | 'controller', string>>;
  readonly vip: string;
  /** The node that holds the address, and one that does not. */
  readonly holder: string;
  readonly other: string;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Attempt = readonly [method: Method, path: string, body?: unknown];

/** A role's token, bound to its Pod on a node as the kubelet's tokens are; without a node, bound to nothing. */
export async function token(lab: Lab, role: string, node?: string): Promise<string> {
  const create = ['-n', namespace, 'create', 'token', `berth-${role}`];
  if (node === undefined) return lab.kubectl(create);
  const selection = ['--selector', `app.kubernetes.io/component=${role}`, '--field-selector', `spec.nodeName=${node}`];
  const format = 'jsonpath={.items[0].metadata.name} {.items[0].metadata.uid}';
  const pods = await lab.kubectl(['-n', namespace, 'get', 'pods', ...selection, '-o', format]);
  const [name = '', uid = ''] = pods.split(' ');
  return lab.kubectl([
    ...create,
    '--bound-object-kind=Pod',
    `--bound-object-name=${name}`,
    `--bound-object-uid=${uid}`,
  ]);
}

const service = '/api/v1/namespaces/default/services/one';
const secrets = `/api/v1/namespaces/${namespace}/secrets`;
const pods = `/api/v1/namespaces/${namespace}/pods`;
const elsewhere = { spec: { ports: [{ port: 81 }] } };
const ingress = { status: { loadBalancer: { ingress: [{ ip: '198.51.100.1' }] } } };

/** Requests that neither role may make. */
const nobodys: readonly Attempt[] = [
  ['GET', `${secrets}/berth-liveness`],
  ['GET', secrets],
  ['GET', '/api/v1/secrets'],
  ['PATCH', `${secrets}/berth-liveness`, { data: {} }],
  ['DELETE', `${secrets}/berth-liveness`],
  ['PATCH', service, elsewhere],
  ['DELETE', service],
  ['POST', `/api/v1/namespaces/${namespace}/serviceaccounts/berth-controller/token`, {}],
  ['PATCH', '/api/v1/nodes/node1', { metadata: { annotations: { 'berth.dev/drain': 'true' } } }],
  ['DELETE', `${pods}/any`],
  ['PATCH', `${collections.pools}/main`, { spec: { autoAssign: false } }],
  ['DELETE', `${collections.advertisements}/main`],
];

/** Makes all attempts, and checks that each is denied unless the role has the right to it. */
export async function denials({ lab, tokens, vip, holder, other }: Theft): Promise<void> {
  const entry = `${collections.allocations}/${vip}`;
  const spec = { spec: { pool: 'other' } };
  const body = { apiVersion: 'berth.dev/v1beta1', kind: 'IPAllocation', metadata: { name: '198.51.100.1' } };
  const speakers: readonly Attempt[] = [
    ...nobodys,
    ['PATCH', `${service}/status`, ingress],
    ['POST', collections.allocations, body],
    ['DELETE', entry],
    ['PATCH', entry, spec],
    ['PUT', entry, spec],
    ['POST', `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`, {}],
    ['PATCH', `${pods}/any`, { metadata: { annotations: { 'berth.dev/uninstall': 'true' } } }],
  ];
  const controllers: readonly Attempt[] = [...nobodys, ['PATCH', `${entry}/status`, says(holder)], ['GET', pods]];
  await eachDenied(lab, tokens.holder, speakers);
  await eachDenied(lab, tokens.controller, controllers);

  const policy = /may write only its own node as the holder of this address/;
  const noted = { status: { conditions: [] } };
  const attempts: readonly (readonly [keyof Theft['tokens'], Attempt, RegExp?])[] = [
    ['other', ['PATCH', `${entry}/status`, says(other)]],
    ['holder', ['PATCH', `${entry}/status`, says(holder)]],
    ['other', ['PATCH', `${entry}/status`, noted]],
    ['other', ['PATCH', `${entry}/status`, says(holder)], policy],
    ['holder', ['PATCH', `${entry}/status`, says(other)], policy],
    ['holder', ['PATCH', `${entry}/status`, { status: { holder: null } }], policy],
    ['nowhere', ['PATCH', `${entry}/status`, says(holder)], policy],
  ];
  for (const [whose, attempt, message] of attempts) {
    const said = await outcome(lab, tokens[whose], attempt);
    if (message === undefined) assert.equal(said, undefined, `${whose}: ${JSON.stringify(attempt)}`);
    else assert.match(said?.message ?? '', message, `${whose}: ${JSON.stringify(attempt)}`);
  }
  // A speaker can change only the status of an entry: the API server ignores the rest of the request.
  const smuggled = ['PATCH', `${entry}/status`, { ...spec, ...noted, metadata: { annotations: { a: 'b' } } }] as const;
  const stored = await tried<{ readonly spec: { readonly pool: string } }>(lab, tokens.holder, smuggled);
  assert.equal(stored.spec.pool, 'main');
  assert.doesNotMatch(JSON.stringify(stored), /"a":"b"/);
}

function says(node: string): unknown {
  return { status: { holder: { node, term: 1_000, links: [] } } };
}

async function eachDenied(lab: Lab, stolen: string, attempts: readonly Attempt[]): Promise<void> {
  for (const attempt of attempts) {
    const said = await outcome(lab, stolen, attempt);
    assert.equal(said?.status, 403, `${attempt[0]} ${attempt[1]}: ${said?.message ?? 'allowed'}`);
    assert.doesNotMatch(said?.message ?? '', /ValidatingAdmissionPolicy/, 'RBAC should have refused it before');
  }
}

/** The API server's error; undefined if it would have carried out the request. */
async function outcome(lab: Lab, stolen: string, attempt: Attempt): Promise<ApiError | undefined> {
  try {
    await tried(lab, stolen, attempt);
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

async function tried<T>(lab: Lab, stolen: string, [method, path, body]: Attempt): Promise<T> {
  const { server, credentials } = await connect(lab.kubeconfig);
  const { tls } = await credentials();
  const headers = { authorization: `Bearer ${stolen.trim()}` };
  const ownTls = { ...(tls.ca !== undefined && { ca: tls.ca }) };
  const client = new KubeClient({ server, credentials: async () => ({ tls: ownTls, headers }) });
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const query = method === 'GET' ? {} : { dryRun: 'All' };
  try {
    return await client.json<T>({ method, path, query, contentType, ...(body !== undefined && { body }) });
  } finally {
    client.close();
  }
}
