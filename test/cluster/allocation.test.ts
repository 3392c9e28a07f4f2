/** Allocation on a real API server: a Service keeps its address, whatever happens to pools, Services and statuses. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { conditionIn, type Entry, type Pool, type ServiceObject } from './objects.ts';

const lab = berth.sharedLab();

before(() => berth.installBerth(lab));
afterEach(() => berth.cleanUp(lab));
after(() => berth.installBerth(lab));

function pool(name: string, spec: string): Promise<void> {
  return lab.apply(
    `{ apiVersion: berth.dev/v1beta1, kind: IPAddressPool, metadata: { name: ${name} }, spec: { ${spec} } }`,
  );
}

/** A Service without backends; `spec` and `annotations` are YAML in flow style. */
function service(name: string, spec = '', annotations = ''): Promise<void> {
  return lab.apply(
    berth.serviceManifest(name, `allocateLoadBalancerNodePorts: false${spec && `, ${spec}`}`, annotations),
  );
}

/** A Service's addresses and the reason of its condition Allocated, as one text: `addresses reason`. */
async function outcomeOf(name: string, namespace = 'default'): Promise<string> {
  const found = await lab.api.get<ServiceObject>('services', name, { namespace });
  const { ingress = [] } = found.status.loadBalancer ?? {};
  return `${ingress.map(({ ip }) => ip).join(' ')} ${conditionIn(found, 'berth.dev/Allocated')?.reason ?? ''}`;
}

async function expect(name: string, expected: string | RegExp, namespace?: string): Promise<void> {
  const matches = (text: string) => (typeof expected === 'string' ? text === expected : expected.test(text));
  await eventually(`${name}: ${expected}`, async () => {
    const outcome = await outcomeOf(name, namespace);
    if (!matches(outcome)) throw new Error(`it is "${outcome}"`);
    return true;
  });
}

/** Writes an address into a Service's status, or clears it, as another program would. */
function show(name: string, ip: string | null): Promise<void> {
  const loadBalancer = ip === null ? null : { ingress: [{ ip }] };
  return lab.api.patch('services', name, { subresource: 'status', status: { loadBalancer } });
}

test('a dual-stack Service gets each family from its own pool, can gain the second family later, and can give it up again', async () => {
  await pool('v4', 'addresses: [203.0.113.0/29], avoidBuggyIPs: true');
  await service('prefer', 'ipFamilyPolicy: PreferDualStack');
  await service('require', 'ipFamilyPolicy: RequireDualStack');
  await expect('prefer', '203.0.113.1 PartiallyAllocated');
  await expect('require', /^ (PoolExhausted|NoPool)$/);
  await pool('v6', 'addresses: ["2001:db8::/64"]');
  await expect('prefer', /^203\.0\.113\.1 2001:db8::1? Allocated$/);
  await expect('require', /^203\.0\.113\.2 2001:db8::1? Allocated$/);
  const { clusterIP } = (await lab.api.get<ServiceObject>('services', 'require')).spec;
  const spec = { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'], clusterIPs: [clusterIP] };
  await lab.api.patch('services', 'require', { spec });
  await expect('require', '203.0.113.2 Allocated');
  await eventually('the IPv6 entry is gone', async () => (await berth.ledgerOf(lab)).length === 3);
  const free = await eventually('the counts of pool v6', async () => {
    const { used, free } = (await lab.api.get<Pool>('ipaddresspools', 'v6')).status ?? {};
    return `${used}` === '1' ? `${used}/${free}` : undefined;
  });
  assert.equal(free, `1/${2n ** 64n - 1n}`);
});

test('Services with the same key share an address; a Service that cannot share any more gets another address and an Event', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  const key = 'berth.dev/allow-shared-ip: web';
  await service('one', '', key);
  await expect('one', '203.0.113.8 Allocated');
  await service('two', 'ports: [{ port: 443 }]', `metallb.universe.tf/allow-shared-ip: web`);
  await service('collides', '', key);
  await expect('two', '203.0.113.8 Allocated');
  await expect('collides', '203.0.113.9 Allocated');
  const names = async () => {
    const { services = [], sharingKey } = (await lab.api.get<Entry>('ipallocations', '203.0.113.8')).spec;
    return `${services.map(({ name }) => name).join(' ')} ${sharingKey}`;
  };
  assert.equal(await names(), 'one two default/web');
  await lab.api.patch('services', 'two', { spec: { ports: [{ port: 80 }] } });
  await expect('two', /^203\.0\.113\.1[0-5] Allocated$/);
  await eventually('an Event', async () =>
    /SharingConflict: .*TCP\/80/.test(await berth.eventsOf(lab, 'Service', 'two')),
  );
  await expect('one', '203.0.113.8 Allocated');
  await eventually('the entry without Service two', async () => (await names()) === 'one default/web');
});

test('a sharing key that lists several namespaces is valid only in these namespaces', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  await lab.apply('{ apiVersion: v1, kind: Namespace, metadata: { name: team-a } }');
  try {
    await service('one', '', 'berth.dev/allow-shared-ip: "default,team-a/k"');
    await expect('one', '203.0.113.8 Allocated');
    const other = berth.serviceManifest(
      'two',
      'ports: [{ port: 443 }]',
      'berth.dev/allow-shared-ip: "team-a,default/k"',
    );
    await lab.api.apply(other, { namespace: 'team-a' });
    await expect('two', '203.0.113.8 Allocated', 'team-a');
    const guess = berth.serviceManifest('guess', 'ports: [{ port: 444 }]', 'berth.dev/allow-shared-ip: "default/k"');
    await lab.api.apply(guess, { namespace: 'team-a' });
    await expect('guess', ' InvalidRequest', 'team-a');
  } finally {
    await lab.api.deleteAll('services', { namespace: 'team-a' });
    await lab.api.delete('namespaces', 'team-a', { wait: false });
  }
});

test('the address of a deleted Service stays reserved for its return, and no other Service gets it meanwhile', async () => {
  await pool('p', 'addresses: [203.0.113.8/31], retainFor: 1h, reuseAfter: 1h');
  await service('one');
  await service('two');
  await expect('two', '203.0.113.9 Allocated');
  for (const name of ['one', 'two']) await lab.api.delete('services', name);
  await eventually('both entries reserved', async () => {
    const entries = await lab.api.list<Entry>('ipallocations');
    return entries.filter(({ spec }) => spec.reservedUntil !== undefined).length === 2;
  });
  await service('three');
  await expect('three', ' PoolExhausted');
  await service('two');
  await expect('two', '203.0.113.9 Allocated');
  await expect('three', ' PoolExhausted');
  await lab.api.patch('ipaddresspools', 'p', { spec: { retainFor: '0s', reuseAfter: '2s' } });
  await lab.api.delete('services', 'two');
  // For two seconds no Service has the address. Then the waiting Service gets it.
  await expect('three', '203.0.113.9 Allocated');
  // The other entry would stay reserved for an hour.
  await lab.api.delete('ipallocations', '203.0.113.8');
});

test('a pool can be deleted and created again, and a Service keeps its address while there is no pool for it', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  await service('one');
  await expect('one', '203.0.113.8 Allocated');
  await lab.api.delete('ipaddresspools', 'p');
  await expect('one', '203.0.113.8 PoolRemoved');
  await pool('p', 'addresses: [203.0.113.16/29]');
  await expect('one', '203.0.113.8 PoolRemoved');
  await pool('p', 'addresses: [203.0.113.8/29]');
  await expect('one', '203.0.113.8 Allocated');
  await lab.api.delete('ipaddresspools', 'p');
  await pool('q', 'addresses: [203.0.113.16/29]');
  await expect('one', '203.0.113.8 PoolRemoved');
  await service('one', '', 'metallb.io/address-pool: q');
  await expect('one', '203.0.113.16 Allocated');
});

test('a namespace with a strict pool gets addresses from that pool only, up to its quota', async () => {
  await pool('everybody', 'addresses: [203.0.113.0/28]');
  await pool(
    'mine',
    'addresses: [203.0.113.16/28], serviceAllocation: { namespaces: [default], strict: true }, quota: { perNamespace: 2 }',
  );
  // One after the other: Services that were created in the same second are ordered by name.
  await service('one');
  await expect('one', '203.0.113.16 Allocated');
  await service('two');
  await expect('two', '203.0.113.17 Allocated');
  await service('three');
  await expect('three', ' QuotaExceeded');
  await service('flees', '', 'berth.dev/address-pool: everybody');
  await expect('flees', ' PoolNotAllowed');
  await lab.api.delete('services', 'one');
  await expect('three', '203.0.113.16 Allocated');
});

test('a cordoned pool gives no new address; a Service of a draining pool leaves the pool when it is created again', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  await service('one');
  await expect('one', '203.0.113.8 Allocated');
  await lab.api.patch('ipaddresspools', 'p', { spec: { state: 'Cordoned' } });
  await service('two');
  await expect('two', ' PoolNotActive');
  await expect('one', '203.0.113.8 Allocated');
  await pool('q', 'addresses: [203.0.113.16/29]');
  await expect('two', '203.0.113.16 Allocated');
  await lab.api.patch('ipaddresspools', 'p', { spec: { state: 'Draining' } });
  await expect('one', '203.0.113.8 Allocated');
  await lab.api.delete('services', 'one');
  await service('one');
  await expect('one', '203.0.113.17 Allocated');
});

test('after a time without a controller a deleted Service is released, a recreated Service keeps its address, a cleared status is restored, and a deleted entry is created again', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  const names = ['gone', 'anew', 'wiped', 'lost'];
  for (const name of names) {
    await service(name);
    await expect(name, /Allocated$/);
  }
  const before = new Map(
    await Promise.all(names.map(async (name) => [name, await berth.ingressOf(lab, name)] as const)),
  );
  await berth.scaleController(lab, 0);
  try {
    for (const name of ['gone', 'anew']) await lab.api.delete('services', name);
    await service('anew');
    await show('wiped', null);
    await lab.api.delete('ipallocations', before.get('lost') ?? '');
    // By name it comes before `lost`. It must not get the address that `lost` shows.
    await service('a-new-one');
  } finally {
    await berth.scaleController(lab, 2);
  }
  for (const name of ['anew', 'wiped', 'lost']) await expect(name, `${before.get(name)} Allocated`);
  await expect('a-new-one', `${before.get('gone')} Allocated`);
  assert.equal((await berth.ledgerOf(lab)).length, 4);
});

test('after another program has cleared a status twice, Berth reports StatusContested and leaves the status alone', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  await service('one');
  await expect('one', '203.0.113.8 Allocated');
  await show('one', null);
  await expect('one', '203.0.113.8 Allocated');
  await show('one', null);
  await expect('one', ' StatusContested');
});

test('a status that another program has overwritten is left alone; an Event names the program and the address in the ledger', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  await service('one');
  await expect('one', '203.0.113.8 Allocated');
  const foreign = '{"status":{"loadBalancer":{"ingress":[{"ip":"198.51.100.7"}]}}}';
  await lab.kubectl(['patch', 'service', 'one', '--subresource=status', '--type=merge', '-p', foreign]);
  await expect('one', '198.51.100.7 StatusContested');
  const why = /StatusContested: status\.loadBalancer is written by kubectl-patch; .*keeps 203\.0\.113\.8/;
  await eventually('an Event', async () => why.test(await berth.eventsOf(lab, 'Service', 'one')));
});

test('no Service gets an address of a node, or of a Service that another program serves', async () => {
  const [node] = lab.nodes;
  await pool('p', `addresses: [203.0.113.8/31, ${node?.ip}]`);
  await service('foreign', 'loadBalancerClass: example.com/other');
  await show('foreign', '203.0.113.8');
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

test('if two pools overlap, the younger pool loses the common addresses, and its condition Overlap lists them', async () => {
  await pool('older', 'addresses: [203.0.113.8/30], autoAssign: false');
  await eventually('pool older is more than a second old', async () => {
    const { creationTimestamp = '' } = (await lab.api.get('ipaddresspools', 'older')).metadata;
    return Date.now() - Date.parse(creationTimestamp) > 1_100;
  });
  await pool('a-younger', 'addresses: [203.0.113.8/29]');
  await service('one');
  await expect('one', '203.0.113.12 Allocated');
  const overlap = await berth.poolSays(lab, 'a-younger', 'Overlap True');
  assert.match(overlap.message, /203\.0\.113\.8\/30 \(in the older pool older\)/);
  await lab.api.delete('ipaddresspools', 'older');
  await berth.poolSays(lab, 'a-younger', 'Overlap False');
  await expect('one', '203.0.113.12 Allocated');
});

test('with takeOver a Service keeps the address that another implementation gave it', async () => {
  await pool('p', 'addresses: [203.0.113.8/29]');
  await berth.scaleController(lab, 0);
  for (const [name, ip] of [
    ['one', '203.0.113.12'],
    ['two', '203.0.113.10'],
  ] as const) {
    await service(name);
    await show(name, ip);
  }
  await berth.installBerth(lab, ['takeOver=true']);
  await expect('one', '203.0.113.12 Allocated');
  await expect('two', '203.0.113.10 Allocated');
  assert.deepEqual(await berth.ledgerOf(lab), ['203.0.113.10', '203.0.113.12']);
});
