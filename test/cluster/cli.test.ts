/** The command line tool as a user runs it: the built file, on the client host, against a cluster with faults. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { after, afterEach, before, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import type { Entry } from './objects.ts';

const lab = berth.sharedLab();
const root = new URL('../..', import.meta.url).pathname;
const tool = `${root}dist/cli/kubectl-berth`;
const first = lab.subnet.vips.split('-')[0] ?? '';
const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The fields of `explain -o json` that the tests read. */
interface Explained {
  readonly service: { readonly reason: string; readonly addresses: readonly string[] };
  readonly pools: readonly { readonly pools: readonly { readonly pool: string; readonly verdict: string }[] }[];
  readonly vips: readonly {
    readonly holder?: string;
    readonly nodes: readonly { readonly node: string; readonly reason: string }[];
  }[];
  readonly notes: readonly string[];
  readonly problems: readonly { readonly reason: string; readonly what: string; readonly todo: string }[];
}

/** Runs the tool on the client host, where the administrator's kubeconfig is the only access to the cluster. */
async function run(...args: readonly string[]): Promise<Run> {
  const { code, stdout, stderr } = await lab.client.exec(['env', `KUBECONFIG=${lab.kubeconfig}`, tool, ...args]);
  return { code: code ?? -1, stdout, stderr };
}

async function json<T>(...args: readonly string[]): Promise<T> {
  const { stdout, stderr } = await run(...args, '-o', 'json');
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as T;
}

const explain = (service: string) => json<Explained>('explain', `svc/${service}`);

/** Runs `explain` until it reports a reason, or no problem if `reason` is undefined. A person would run it again, too. */
function explained(service: string, reason: string | undefined): Promise<Explained> {
  return eventually(`explain reports ${reason ?? 'no problem'}`, async () => {
    const facts = await explain(service);
    const reasons = facts.problems.map((problem) => problem.reason);
    const isSaid = reason === undefined ? reasons.length === 0 : reasons.includes(reason);
    assert.ok(isSaid, JSON.stringify(facts.problems));
    return facts;
  });
}

function poolNamed(name: string, addresses: string, spec = ''): string {
  return `---
apiVersion: berth.dev/v1beta1
kind: IPAddressPool
metadata: { name: ${name} }
spec: { addresses: ['${addresses}']${spec === '' ? '' : `, ${spec}`} }
`;
}

function advertisement(spec: string): string {
  return `---
apiVersion: berth.dev/v1beta1
kind: L2Advertisement
metadata: { name: main }
spec: ${spec}
`;
}

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.rolledOut('deployment/web');
});
afterEach(() => berth.cleanUp(lab));
after(async () => {
  await lab.kubectl(['label', 'nodes', '--all', `${excludeLabel}-`]);
  await lab.kubectl(['annotate', 'nodes', '--all', 'berth.dev/drain-']);
});

test('explain reports why a Service has no address, and what to do', async () => {
  await lab.apply(berth.serviceManifest('one'));
  const none = await explained('one', 'NoPool');
  assert.match(none.problems[0]?.todo ?? '', /create an IPAddressPool/);

  await lab.apply(`${poolNamed('small', first)}${advertisement('{}')}---${berth.serviceManifest('first')}`);
  await eventually('one Service with the only address', async () => {
    const shown = await Promise.all(['one', 'first'].map((name) => berth.ingressOf(lab, name)));
    return shown.includes(first);
  });
  const served = (await berth.ingressOf(lab, 'one')) === first ? 'first' : 'one';
  const full = await explained(served, 'PoolExhausted');
  assert.deepEqual(full.pools[0]?.pools, [{ pool: 'small', verdict: 'Exhausted' }]);

  await lab.apply(berth.serviceManifest('stranger', 'loadBalancerClass: other.example/lb'));
  const stranger = await explained('stranger', 'OtherClass');
  assert.match(stranger.problems[0]?.what ?? '', /other\.example\/lb.*berth\.dev\/berth/);

  const status = await run('status');
  assert.equal(status.code, 1);
  assert.match(status.stdout, /Services +1 with an address, 1 without \(PoolExhausted 1\), 1 of other classes/);
  const missing = await run('explain', 'svc/nobody');
  assert.deepEqual([missing.code, missing.stdout], [1, '']);
  assert.match(missing.stderr, /^error: there is no Service default\/nobody\n$/);
});

test('explain reports for each node why it does not announce an address', async () => {
  await lab.apply(`${poolNamed('main', lab.subnet.vips)}---${berth.serviceManifest('one')}`);
  await explained('one', 'NoAdvertisement');

  await lab.apply(advertisement('{ interfaces: [eth7] }'));
  const wrongLink = await explained('one', 'NoCandidate');
  assert.deepEqual(
    wrongLink.vips[0]?.nodes.map(({ reason }) => reason),
    lab.nodes.map(() => 'LinkNotNamed'),
  );
  assert.match(wrongLink.problems[0]?.what ?? '', /link eth0; interfaces: eth7/);
  assert.match(wrongLink.problems[0]?.todo ?? '', /interfaces of the L2Advertisement/);

  await lab.apply(advertisement('{ nodeSelectors: [{ matchLabels: { nobody: has-this } }] }'));
  const unselected = await eventually('NotSelected', async () => {
    const facts = await explain('one');
    return facts.vips[0]?.nodes.every(({ reason }) => reason === 'NotSelected') ? facts : undefined;
  });
  assert.match(unselected.problems[0]?.todo ?? '', /nodeSelectors/);

  const [a, ...others] = lab.nodes.map(({ name }) => name);
  await lab.kubectl(['label', 'nodes', ...others, `${excludeLabel}=`]);
  await lab.apply(
    advertisement(
      `{ nodeSelectors: [{ matchExpressions: [{ key: kubernetes.io/hostname, operator: NotIn, values: [${a}] }] }] }`,
    ),
  );
  const excluded = await eventually('Excluded', async () => {
    const { vips, problems } = await explain('one');
    const reasons = Object.fromEntries(vips[0]?.nodes.map(({ node, reason }) => [node, reason]) ?? []);
    return reasons[others[0] ?? ''] === 'Excluded' ? { reasons, problems } : undefined;
  });
  assert.equal(excluded.reasons[a ?? ''], 'NotSelected');
  assert.match(excluded.problems[0]?.what ?? '', /Excluded: node\d, node\d/);

  await lab.apply(advertisement('{}'));
  await lab.kubectl(['label', 'nodes', '--all', '--overwrite', `${excludeLabel}=`]);
  const all = await explained('one', undefined);
  assert.ok(all.notes.some((note) => note.includes('all nodes carry the label')));
  await lab.kubectl(['label', 'nodes', '--all', `${excludeLabel}-`]);

  await lab.apply(berth.serviceManifest('local', 'externalTrafficPolicy: Local, selector: { app: nobody }'));
  const local = await explained('local', 'NoLocalEndpoints');
  assert.deepEqual(
    local.vips[0]?.nodes.map(({ reason }) => reason),
    lab.nodes.map(() => 'NoLocalEndpoint'),
  );
});

test('explain reports another host that uses the address, and a firewall between the speakers', async () => {
  await lab.apply(`${poolNamed('main', lab.subnet.vips)}${advertisement('{}')}`);
  await lab.client.exec(['ip', 'address', 'add', `${first}/32`, 'dev', lab.client.link]);
  try {
    await lab.apply(berth.serviceManifest('asks', '', `berth.dev/loadBalancerIPs: ${first}`));
    const taken = await explained('asks', 'AddressTaken');
    assert.match(taken.problems[0]?.what ?? '', new RegExp(`another host, ${lab.client.mac}`));
  } finally {
    await lab.client.exec(['ip', 'address', 'del', `${first}/32`, 'dev', lab.client.link]);
  }
  // The speakers probe the address again, less and less often.
  await explained('asks', undefined);

  const drop =
    'add table inet cli; add chain inet cli in { type filter hook input priority -5; }; add rule inet cli in';
  await Promise.all(lab.nodes.map((node) => node.exec(['nft', `${drop} udp dport 7932 drop`])));
  try {
    const blocked = await explained('asks', 'LivenessBlocked');
    assert.match(
      blocked.problems.at(-1)?.what ?? '',
      /gets no more heartbeats from node\d.*check that UDP 7932 passes between the nodes/,
    );
    assert.match((await run('status')).stdout, /gets no more heartbeats from node\d.*check that UDP 7932 passes/);
  } finally {
    await Promise.all(lab.nodes.map((node) => node.exec(['nft', 'delete table inet cli'])));
  }
  await explained('asks', undefined);
});

test('simulate predicts to which node drain moves an address; move brings it back, or says why it cannot', async () => {
  await lab.apply(`${poolNamed('main', lab.subnet.vips)}${advertisement('{}')}---${berth.serviceManifest('one')}`);
  const { vips } = await explained('one', undefined);
  const holder = vips[0]?.holder ?? '';
  const foreseen = await json<{ moves: readonly { address: string; from: string; to: string }[] }>(
    ...['simulate', '--node-down', holder],
  );
  const [move, ...others] = foreseen.moves;
  assert.deepEqual([move?.address, move?.from, others.length], [first, holder, 0]);

  const drained = await run('drain', holder);
  assert.deepEqual([drained.code, drained.stdout], [0, `node ${holder} holds no address: 1 moved\n`], drained.stderr);
  const after = await json<readonly { address: string; holder: string }[]>('vips');
  assert.deepEqual(
    after.map(({ address, holder: node }) => [address, node]),
    [[first, move?.to]],
  );
  assert.equal((await run('status')).stdout.includes(`node ${holder} is draining`), true);

  const refused = await run('move', first, holder);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, new RegExp(`^error: ${holder} cannot hold ${first}: Draining`));
  assert.equal((await run('undrain', holder)).code, 0);
  // The speakers may see the end of the drain a little later than the tool.
  const moved = await run('move', first, holder);
  assert.deepEqual([moved.code, moved.stdout], [0, `${holder} holds ${first}\n`], moved.stderr);
  await eventually('an answer', () => berth.get(lab, first));

  await lab.kubectl(['annotate', 'ipallocation', first, 'berth.dev/move-to=nowhere']);
  const ports = '[{ "port": 80, "targetPort": 8080, "name": "a" }, { "port": 81, "targetPort": 8080, "name": "b" }]';
  await lab.kubectl(['patch', 'service', 'one', '--type', 'merge', '--patch', `{ "spec": { "ports": ${ports} } }`]);
  await eventually('both ports in the ledger', async () => {
    const { services = [] } = (await lab.api.get<Entry>('ipallocations', first)).spec;
    return services[0]?.ports?.map(({ port }) => port).join(' ') === '80 81';
  });
  assert.deepEqual(
    (await explain('one')).problems.map(({ reason }) => reason),
    ['MoveWaits'],
    'the requested move does not stay',
  );

  const whose = await run('who-has', first);
  assert.equal(whose.code, 0);
  assert.match(whose.stdout, new RegExp(`InUse: used by default/one\\n(.*\\n)* +Holder +${holder}, eth0`));
});

test('plan predicts the effects of a change, and renumber moves Services out of a draining pool', async () => {
  const [second, third] = [lab.subnet.vips.split('-')[1] ?? '', '192.0.2.77'];
  await lab.apply(`${poolNamed('old', first)}${advertisement('{}')}---${berth.serviceManifest('one')}`);
  await explained('one', undefined);
  const planFile = async (yaml: string) => {
    const file = `${lab.stateDir}/cli-plan.yaml`;
    await writeFile(file, yaml);
    const { code, stdout, stderr } = await run('plan', '-f', file, '-o', 'json');
    const facts = stdout === '' ? undefined : (JSON.parse(stdout) as { services: readonly Record<string, unknown>[] });
    return { code, stderr, effects: facts?.services.map(({ service, effect }) => `${service} ${effect}`) };
  };
  try {
    assert.deepEqual((await planFile(poolNamed('old', third))).effects, ['default/one PoolRemoved']);
    assert.deepEqual((await planFile(advertisement('{ interfaces: [eth7] }'))).effects, ['default/one Silenced']);
    const fine = await planFile(poolNamed('new', second));
    assert.deepEqual([fine.code, fine.effects], [0, ['default/one Keeps']]);
    assert.match(
      (await planFile(poolNamed('old', '10.0.0.300'))).stderr,
      /^error: the API server refuses IPAddressPool old/,
    );
  } finally {
    await rm(`${lab.stateDir}/cli-plan.yaml`, { force: true });
  }
  const names = (await lab.api.list('ipaddresspools')).map(({ metadata }) => metadata.name);
  assert.deepEqual(names, ['old'], 'a plan has written something');

  await lab.apply(poolNamed('new', second));
  const active = await run('renumber', '--pool', 'old', '--yes');
  assert.equal(active.code, 1);
  assert.match(active.stdout, /stays +pool old is Active/);
  await lab.apply(poolNamed('old', first, 'state: Draining'));
  assert.match((await run('renumber', 'svc/one', '--dry-run')).stdout, new RegExp(`default/one +${first} +${second}`));
  assert.equal((await run('renumber', 'svc/one')).code, 2, 'renumber cannot ask for confirmation without a terminal');
  assert.equal(await berth.ingressOf(lab, 'one'), first);
  const done = await run('renumber', 'svc/one', '--yes');
  assert.equal(done.code, 0, done.stdout + done.stderr);
  assert.equal(await berth.ingressOf(lab, 'one'), second);
  await eventually('an answer at the new address', () => berth.get(lab, second));
  await eventually('the old entry is gone', async () => (await berth.ledgerOf(lab)).join() === second);
});

test('without a kubeconfig or a permission the tool says what is missing, and explain still shows the status of the Service', async () => {
  const nowhere = await lab.client.exec(['env', 'KUBECONFIG=/nonexistent', 'HOME=/nonexistent', tool, 'status']);
  assert.equal(nowhere.code, 3);
  assert.match(nowhere.stderr, /^error: there is no kubeconfig at \/nonexistent\n +give --kubeconfig FILE/);
  assert.equal((await run('status', '--context', 'other')).code, 3);
  assert.equal((await run('status', '-o', 'xml')).code, 2);
  assert.equal((await run('who-has', 'nonsense')).code, 2);

  const user = 'system:serviceaccount:default:default';
  const raw = await lab.kubectl(['config', 'view', '--raw', '--flatten', '--minify', '--output', 'json']);
  const config = JSON.parse(raw) as { users: { user: object }[] };
  const impersonating = { ...config, users: config.users.map((one) => ({ ...one, user: { ...one.user, as: user } })) };
  const file = `${lab.stateDir}/cli-impersonating.json`;
  await writeFile(file, JSON.stringify(impersonating), { mode: 0o600 });
  try {
    const forbidden = await run('pools', '--kubeconfig', file);
    assert.equal(forbidden.code, 3);
    assert.match(forbidden.stderr, /^error: you may not list ipaddresspools\.berth\.dev\n +ask for verb list/);
    assert.equal((await run('explain', 'svc/one', '--kubeconfig', file)).code, 3);
    await lab.kubectl(['create', 'role', 'cli-own', '--verb', 'get', '--resource', 'services']);
    await lab.kubectl(['create', 'rolebinding', 'cli-own', '--role', 'cli-own', '--serviceaccount', 'default:default']);
    await lab.apply(berth.serviceManifest('one'));
    const own = await eventually('the reason in the status of the Service', async () => {
      const { stdout } = await run('explain', 'svc/one', '--kubeconfig', file);
      return stdout.includes('NoPool') ? stdout : undefined;
    });
    assert.match(own, /NoPool: there is no IPAddressPool\n +what to do: create an IPAddressPool/);
    assert.match(own, /you may not list ipaddresspools\.berth\.dev: this answer uses the status of the Service only/);
  } finally {
    await rm(file, { force: true });
    await lab.kubectl(['delete', 'role,rolebinding', 'cli-own', '--ignore-not-found']);
  }
});

test('words are completed in the format that kubectl expects', async () => {
  await lab.apply(`${poolNamed('main', lab.subnet.vips)}---${berth.serviceManifest('one')}`);
  const complete = async (...words: readonly string[]) => (await run('__complete', '--', ...words)).stdout;
  assert.equal(await complete('expl'), 'explain\n:4\n');
  assert.equal(await complete('explain', 'svc/o'), 'svc/one\n:4\n');
  assert.equal(await complete('explain', '-n', 'kube-system', 'svc/o'), ':4\n');
  assert.equal(await complete('-n', 'default', 'explain', '-o', 'json', 'svc/o'), 'svc/one\n:4\n');
  assert.equal(await complete('renumber', '--pool', ''), 'main\n:4\n');
  assert.equal(await complete('move', first, 'node'), `${lab.nodes.map(({ name }) => name).join('\n')}\n:4\n`);
  assert.equal(await complete('status', '-o', 'j'), 'json\n:4\n');
  assert.match((await run('completion', 'bash')).stdout, /complete -F _kubectl_berth kubectl-berth/);
});
