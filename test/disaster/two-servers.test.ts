/**
 * Two API servers behind the Service `kubernetes`. One of them dies without a word: its host is unplugged, and connections to it stay
 * half open. Roles with a connection to it must notice, and go on with the other one.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { LabHost } from '../lab/cluster.ts';
import { apiPort, startSecondApiServer } from '../lab/control-plane.ts';
import { bootBareNode } from '../lab/node.ts';
import { eventually } from '../lab/poll.ts';
import { mustRun } from '../lab/run.ts';
import { Stage } from './stage.ts';

/** For about 15 seconds the dead server stays among the endpoints, and half of the new connections go to it. */
const withinMs = 60_000;
const services = 6;
let stage: Stage;

before(async () => {
  stage = await Stage.open('servers', { nodes: 3, behindService: true });
  const { context } = stage;
  const [one, two, serving] = context.plan.workers;
  assert.ok(one && two && serving);
  startSecondApiServer(context, serving);
  await eventually('two API servers are behind the Service', async () => (await servers()).length === 2, {
    timeoutMs: withinMs,
  });
  // Their kube-proxies choose a server for each connection.
  for (const node of [one, two]) await bootBareNode(context, node);
  await stage.start();
});
after(() => stage.close());

/** The addresses of the servers behind the Service. */
async function servers(): Promise<readonly string[]> {
  const slices = await stage.lab.api.list<Slice>('endpointslices', {
    labelSelector: 'kubernetes.io/service-name=kubernetes',
  });
  return slices.flatMap(({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses));
}

interface Slice {
  readonly endpoints: readonly { readonly addresses: readonly string[] }[];
}

/** The number of connections of roles to the API server of a host. */
async function connectionsTo({ namespace }: LabHost): Promise<number> {
  const list = ['ss', '-Htn', 'state', 'established', 'sport', '=', `:${apiPort}`];
  const connections = await mustRun(['ip', 'netns', 'exec', namespace, ...list]);
  const roles = stage.lab.nodes.slice(0, 2).map(({ ip }) => ip);
  return connections.split('\n').filter((line) => roles.some((role) => line.includes(role))).length;
}

/** How often the lead has changed. */
async function leads(): Promise<number> {
  return (
    (await stage.lab.api.get<Lease>('leases', 'berth-controller', { namespace: 'berth-system' })).spec
      .leaseTransitions ?? 0
  );
}

interface Lease {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly leaseTransitions?: number };
}

test('controller and speakers go on with the other API server, and the controller keeps its lead', async () => {
  const { lab } = stage;
  await stage.createService('before');
  const before = await stage.served('before', withinMs);
  const lead = await leads();
  const [, , serving] = lab.nodes;
  assert.ok(serving);
  assert.ok((await connectionsTo(serving)) > 0, 'no role has a connection to the server that dies');
  await lab.cutLink(serving);
  const names = Array.from({ length: services }, (_, i) => `after-${i}`);
  for (const name of names) await stage.createService(name);
  for (const name of names) await stage.served(name, withinMs).catch((error) => assert.fail(`${error}\n${stage.tail}`));
  assert.equal(await stage.served('before', withinMs), before);
  assert.equal(await leads(), lead, `the lead changed\n${stage.tail}`);
});
