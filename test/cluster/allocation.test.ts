/** Allocation on a real API server: whatever pools, Services and other programs do, an address is where its Service expects it. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';

const lab = berth.sharedLab();

before(() => berth.installBerth(lab));
afterEach(() => berth.cleanUp(lab));
after(() => berth.installBerth(lab));

function pool(name: string, spec: string): Promise<string> {
  return lab.apply(
    `{ apiVersion: berth.dev/v1beta1, kind: IPAddressPool, metadata: { name: ${name} }, spec: { ${spec} } }`,
  );
}

/** A Service without backends; `spec` and `annotations` are YAML in flow style. */
function service(name: string, spec = '', annotations = ''): Promise<string> {
  return lab.apply(
    berth.serviceManifest(name, `allocateLoadBalancerNodePorts: false${spec && `, ${spec}`}`, annotations),
  );
}

/** `addresses reason` of a Service. */
function outcomeOf(name: string, namespace = 'default'): Promise<string> {
  const reason = '{.status.conditions[?(@.type=="berth.dev/Allocated")].reason}';
  const format = `jsonpath={.status.loadBalancer.ingress[*].ip} ${reason}`;
  return lab.kubectl(['-n', namespace, 'get', 'service', name, '-o', format]);
}

async function expect(name: string, expected: string | RegExp, namespace?: string): Promise<void> {
  const matches = (text: string) => (typeof expected === 'string' ? text === expected : expected.test(text));
  await eventually(`${name}: ${expected}`, async () => {
    const outcome = await outcomeOf(name, namespace);
    if (!matches(outcome)) throw new Error(`it is "${outcome}"`);
    return true;
  });
}

async function scaleController(replicas: number): Promise<void> {
  const controllers = [
    '-n',
    berth.namespace,
    'get',
    'pods',
    '-l',
    'app.kubernetes.io/component=controller',
    '-o',
    'name',
  ];
  await lab.kubectl(['-n', berth.namespace, 'scale', 'deployment/berth-controller', `--replicas=${replicas}`]);
  if (replicas > 0) return berth.rolledOut(lab);
  await eventually('no controller', async () => (await lab.kubectl(controllers)) === '');
}

test('dual stack: each family from its own pool, the second one later, and back to one', async () => {
  await pool('v4', 'addresses: [203.0.113.0/29], avoidBuggyIPs: true');
  await service('prefer', 'ipFamilyPolicy: PreferDualStack');
  await service('require', 'ipFamilyPolicy: RequireDualStack');
  await expect('prefer', '203.0.113.1 PartiallyAllocated');
  await expect('require', /^ (PoolExhausted|NoPool)$/);
  await pool('v6', 'addresses: ["2001:db8::/64"]');
  await expect('prefer', /^203\.0\.113\.1 2001:db8::1? Allocated$/);
  await expect('require', /^203\.0\.113\.2 2001:db8::1? Allocated$/);
  const patch = '{"spec":{"ipFamilyPolicy":"SingleStack","ipFamilies":["IPv4"]}}';
  const single = JSON.parse(await lab.kubectl(['get', 'service', 'require', '-o', 'json'])) as {
    spec: { clusterIP: string };
  };
  const clusterIPs = JSON.stringify({ spec: { ...JSON.parse(patch).spec, clusterIPs: [single.spec.clusterIP] } });
  await lab.kubectl(['patch', 'service', 'require', '--type=merge', '-p', clusterIPs]);
  await expect('require', '203.0.113.2 Allocated');
  await eventually('the IPv6 entry is gone', async () => (await berth.ledgerOf(lab)).length === 3);
  const free = await eventually('counts', async () => {
    const text = await lab.kubectl(['get', 'ipaddresspool', 'v6', '-o', 'jsonpath={.status.used}/{.status.free}']);
    return text.startsWith('1/') ? text : undefined;
  });
  assert.equal(free, `1/${2n ** 64n - 1n}`);
});

test('Services with one key share an address, and one that can share no longer moves and says so', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  const key = 'berth.dev/allow-shared-ip: web';
  await service('one', '', key);
  await expect('one', '203.0.113.8 Allocated');
  await service('two', 'ports: [{ port: 443 }]', `metallb.universe.tf/allow-shared-ip: web`);
  await service('collides', '', key);
  await expect('two', '203.0.113.8 Allocated');
  await expect('collides', '203.0.113.9 Allocated');
  const names = ['get', 'ipallocation', '203.0.113.8', '-o', 'jsonpath={.spec.services[*].name} {.spec.sharingKey}'];
  assert.equal(await lab.kubectl(names), 'one two default/web');
  await lab.kubectl([
    'patch',
    'service',
    'two',
    '--type=json',
    '-p',
    '[{"op":"replace","path":"/spec/ports/0/port","value":80}]',
  ]);
  await expect('two', /^203\.0\.113\.1[0-5] Allocated$/);
  await eventually('an Event', async () =>
    /SharingConflict: .*TCP\/80/.test(await berth.eventsOf(lab, 'Service', 'two')),
  );
  await expect('one', '203.0.113.8 Allocated');
  await eventually('the entry without it', async () => (await lab.kubectl(names)) === 'one default/web');
});

test('E6 a key of several namespaces is good in those only', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  await lab.kubectl(['create', 'namespace', 'team-a']);
  try {
    await service('one', '', 'berth.dev/allow-shared-ip: "default,team-a/k"');
    await expect('one', '203.0.113.8 Allocated');
    const other = berth.serviceManifest(
      'two',
      'ports: [{ port: 443 }]',
      'berth.dev/allow-shared-ip: "team-a,default/k"',
    );
    await lab.kubectl(['-n', 'team-a', 'apply', '-f', '-'], { input: other });
    await expect('two', '203.0.113.8 Allocated', 'team-a');
    const guess = berth.serviceManifest('guess', 'ports: [{ port: 444 }]', 'berth.dev/allow-shared-ip: "default/k"');
    await lab.kubectl(['-n', 'team-a', 'apply', '-f', '-'], { input: guess });
    await expect('guess', ' InvalidRequest', 'team-a');
  } finally {
    await lab.kubectl(['delete', 'namespace', 'team-a']);
  }
});

test('G1 an address waits for its Service to come back, and is given to nobody else for a while', async () => {
  await pool('p', 'addresses: [203.0.113.8/31], retainFor: 1h, reuseAfter: 1h');
  await service('one');
  await service('two');
  await expect('two', '203.0.113.9 Allocated');
  await lab.kubectl(['delete', 'service', 'one', 'two']);
  await eventually('kept back', async () => {
    const until = await lab.kubectl(['get', 'ipallocations', '-o', 'jsonpath={.items[*].spec.reservedUntil}']);
    return until.split(' ').length === 2 && until !== '';
  });
  await service('three');
  await expect('three', ' PoolExhausted');
  await service('two');
  await expect('two', '203.0.113.9 Allocated');
  await expect('three', ' PoolExhausted');
  await lab.kubectl([
    'patch',
    'ipaddresspool',
    'p',
    '--type=merge',
    '-p',
    '{"spec":{"retainFor":"0s","reuseAfter":"2s"}}',
  ]);
  await lab.kubectl(['delete', 'service', 'two']);
  // Two seconds in which nobody has it, then the one that waits.
  await expect('three', '203.0.113.9 Allocated');
  // Time to let go of the other one by hand: it would be kept for an hour.
  await lab.kubectl(['delete', 'ipallocation', '203.0.113.8']);
});

test('a pool can be deleted and made again without harm, and an address without a pool is never taken away', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  await service('one');
  await expect('one', '203.0.113.8 Allocated');
  await lab.kubectl(['delete', 'ipaddresspool', 'p']);
  await expect('one', '203.0.113.8 PoolRemoved');
  await pool('p', 'addresses: [203.0.113.16/29]');
  await expect('one', '203.0.113.8 PoolRemoved');
  await pool('p', 'addresses: [203.0.113.8/29]');
  await expect('one', '203.0.113.8 Allocated');
  await lab.kubectl(['delete', 'ipaddresspool', 'p']);
  await pool('q', 'addresses: [203.0.113.16/29]');
  await expect('one', '203.0.113.8 PoolRemoved');
  await service('one', '', 'metallb.io/address-pool: q');
  await expect('one', '203.0.113.16 Allocated');
});

test('pools for some, with a fence and a quota', async () => {
  await pool('everybody', 'addresses: [203.0.113.0/28]');
  await pool(
    'mine',
    'addresses: [203.0.113.16/28], serviceAllocation: { namespaces: [default], strict: true }, quota: { perNamespace: 2 }',
  );
  for (const name of ['one', 'two', 'three']) await service(name);
  await expect('one', '203.0.113.16 Allocated');
  await expect('three', ' QuotaExceeded');
  await service('flees', '', 'berth.dev/address-pool: everybody');
  await expect('flees', ' PoolNotAllowed');
  await lab.kubectl(['delete', 'service', 'one']);
  await expect('three', '203.0.113.16 Allocated');
});

test('a cordoned pool gives nothing new; a draining one lets its Services go when they are made anew', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  await service('one');
  await expect('one', '203.0.113.8 Allocated');
  await lab.kubectl(['patch', 'ipaddresspool', 'p', '--type=merge', '-p', '{"spec":{"state":"Cordoned"}}']);
  await service('two');
  await expect('two', ' PoolNotActive');
  await expect('one', '203.0.113.8 Allocated');
  await pool('q', 'addresses: [203.0.113.16/29]');
  await expect('two', '203.0.113.16 Allocated');
  await lab.kubectl(['patch', 'ipaddresspool', 'p', '--type=merge', '-p', '{"spec":{"state":"Draining"}}']);
  await expect('one', '203.0.113.8 Allocated');
  await lab.kubectl(['delete', 'service', 'one']);
  await service('one');
  await expect('one', '203.0.113.17 Allocated');
});

test('A8 what happened while the controller was down: gone is released, made anew keeps, wiped comes back, lost is adopted', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  const names = ['gone', 'anew', 'wiped', 'lost'];
  for (const name of names) {
    await service(name);
    await expect(name, /Allocated$/);
  }
  const before = new Map(
    await Promise.all(names.map(async (name) => [name, await berth.ingressOf(lab, name)] as const)),
  );
  await scaleController(0);
  try {
    await lab.kubectl(['delete', 'service', 'gone', 'anew']);
    await service('anew');
    await lab.kubectl([
      'patch',
      'service',
      'wiped',
      '--subresource=status',
      '--type=merge',
      '-p',
      '{"status":{"loadBalancer":null}}',
    ]);
    await lab.kubectl(['delete', 'ipallocation', before.get('lost') ?? '']);
    // Older than `lost`, by name: it must not get the address that `lost` shows.
    await service('a-new-one');
  } finally {
    await scaleController(2);
  }
  for (const name of ['anew', 'wiped', 'lost']) await expect(name, `${before.get(name)} Allocated`);
  await expect('a-new-one', `${before.get('gone')} Allocated`);
  assert.equal((await berth.ledgerOf(lab)).length, 4);
});

test('E2 a program that empties the status again and again is named and left alone', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  await service('one');
  await expect('one', '203.0.113.8 Allocated');
  const empty = [
    'patch',
    'service',
    'one',
    '--subresource=status',
    '--type=merge',
    '-p',
    '{"status":{"loadBalancer":null}}',
  ];
  await lab.kubectl(empty);
  await expect('one', '203.0.113.8 Allocated');
  await lab.kubectl(empty);
  await expect('one', ' StatusContested');
});

test('E2 an address that another program wrote over ours is left until that program is quiet', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  await service('one');
  await expect('one', '203.0.113.8 Allocated');
  const foreign = '{"status":{"loadBalancer":{"ingress":[{"ip":"198.51.100.7"}]}}}';
  await lab.kubectl(['patch', 'service', 'one', '--subresource=status', '--type=merge', '-p', foreign]);
  await expect('one', '198.51.100.7 StatusContested');
  const events = await berth.eventsOf(lab, 'Service', 'one');
  assert.match(events, /StatusContested: status\.loadBalancer is written by kubectl-patch; .*keeps 203\.0\.113\.8/);
});

test('E1 addresses of Services that others serve, and of nodes, are given to nobody (C7)', async () => {
  const [node] = lab.nodes;
  await pool('p', `addresses: [203.0.113.8/31, ${node?.ip}]`);
  await service('foreign', 'loadBalancerClass: example.com/other');
  const status = '{"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.8"}]}}}';
  await lab.kubectl(['patch', 'service', 'foreign', '--subresource=status', '--type=merge', '-p', status]);
  for (const name of ['one', 'two']) await service(name);
  await expect('one', '203.0.113.9 Allocated');
  await expect('two', ' PoolExhausted');
  await service('asks', '', `berth.dev/loadBalancerIPs: ${node?.ip}`);
  await expect('asks', ' AddressInUse');
  const columns = await eventually('the counts', async () => {
    const text = await lab.kubectl(['get', 'ipaddresspool', 'p']);
    return /\s1\s+0\s+Active/.test(text) ? text : undefined;
  });
  assert.match(columns, /NAME\s+ADDRESSES\s+AUTO\s+USED\s+FREE\s+STATE\s+READY\s+AGE/);
});

test('a younger pool loses the addresses that an older one has, and says which', async () => {
  await pool('older', 'addresses: [203.0.113.8/30], autoAssign: false');
  await eventually('another second', async () => {
    const created = await lab.kubectl([
      'get',
      'ipaddresspool',
      'older',
      '-o',
      'jsonpath={.metadata.creationTimestamp}',
    ]);
    return Date.now() - Date.parse(created) > 1_100;
  });
  await pool('a-younger', 'addresses: [203.0.113.8/29]');
  await service('one');
  await expect('one', '203.0.113.12 Allocated');
  await lab.kubectl(['wait', '--for=condition=Overlap', 'ipaddresspool/a-younger', '--timeout=30s']);
  const overlap = 'jsonpath={.status.conditions[?(@.type=="Overlap")].message}';
  assert.match(
    await lab.kubectl(['get', 'ipaddresspool', 'a-younger', '-o', overlap]),
    /203\.0\.113\.8\/30 of the older pool older/,
  );
  await lab.kubectl(['delete', 'ipaddresspool', 'older']);
  await lab.kubectl(['wait', '--for=condition=Overlap=false', 'ipaddresspool/a-younger', '--timeout=30s']);
  await expect('one', '203.0.113.12 Allocated');
});

test('with takeOver the addresses of another implementation are taken over as they are', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  await scaleController(0);
  for (const [name, ip] of [
    ['one', '203.0.113.12'],
    ['two', '203.0.113.10'],
  ] as const) {
    await service(name);
    const status = `{"status":{"loadBalancer":{"ingress":[{"ip":"${ip}"}]}}}`;
    await lab.kubectl(['patch', 'service', name, '--subresource=status', '--type=merge', '-p', status]);
  }
  await berth.installBerth(lab, ['takeOver=true']);
  await expect('one', '203.0.113.12 Allocated');
  await expect('two', '203.0.113.10 Allocated');
  assert.deepEqual(await berth.ledgerOf(lab), ['203.0.113.10', '203.0.113.12']);
});
