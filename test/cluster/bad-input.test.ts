/** Bad input gets an error that says what is wrong, and has no other effect. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, before, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { conditionIn, type ServiceObject } from './objects.ts';

const lab = berth.sharedLab();
const pool = lab.subnet.vips;
const [first = '', last = ''] = pool.split('-');

before(() => berth.installBerth(lab));
afterEach(() => berth.cleanUp(lab));

test('the API server refuses a pool with a malformed address, and names the field and the value', async () => {
  const rows: readonly [string, RegExp][] = [
    ['192.0.2.300', /spec\.addresses\[0\]: Invalid value.*"192\.0\.2\.300" is not an address, a CIDR or a range/],
    ['192.0.2.0/33', /spec\.addresses\[0\].*"192\.0\.2\.0\/33" is not an address/],
    ['192.0.2.1-', /spec\.addresses\[0\].*"192\.0\.2\.1-" is not an address/],
    ['192.0.2.1-192.0.2.2-192.0.2.3', /spec\.addresses\[0\].*is not an address/],
    ['pool', /spec\.addresses\[0\].*"pool" is not an address/],
    ['192.0.2.1-2001:db8::1', /spec\.addresses\[0\].*"192\.0\.2\.1-2001:db8::1" mixes IPv4 and IPv6/],
    ['2001:db8::/129', /spec\.addresses\[0\].*"2001:db8::\/129" is not an address/],
    ['fe80::/64', /spec\.addresses\[0\].*"fe80::\/64" begins or ends in .*fe80::\/10 \(link-local\)/],
    ['2001::/15', /spec\.addresses\[0\].*"2001::\/15" is larger than a \/16/],
    ['224.0.0.1', /spec\.addresses\[0\].*"224\.0\.0\.1" begins or ends in .*224\.0\.0\.0\/4/],
    ['192.0.2.1 - 239.0.0.1', /begins or ends in/],
    ['127.0.0.0/8', /begins or ends in/],
    ['10.0.0.0/7', /"10\.0\.0\.0\/7" is larger than a \/8/],
    ['x'.repeat(96), /spec\.addresses\[0\].*may not be more than 95/],
  ];
  for (const [address, message] of rows) {
    await assert.rejects(lab.apply(berth.poolManifest('bad', address)), message, address);
  }
  await lab.api.delete('l2advertisements', 'bad');
});

test('a range that ends before it starts is reported on its pool, and other pools still give addresses', async () => {
  await lab.apply(berth.poolManifest('a-reversed', `${last}-${first}`));
  await lab.apply(berth.poolManifest('good', pool));
  await lab.apply(berth.serviceManifest('one'));
  assert.equal(await berth.addressOf(lab, 'one'), first);
  await berth.poolSays(lab, 'a-reversed', 'Ready False');
  await berth.poolSays(lab, 'good', 'Ready True');
  const events = await eventually(
    'an Event',
    async () => (await berth.eventsOf(lab, 'IPAddressPool', 'a-reversed')) || undefined,
  );
  assert.match(events, /InvalidRange: spec\.addresses: .* ends before it starts/);
});

test('a CIDR with host bits is accepted with a warning, and the pool and an Event say what it stands for', async () => {
  const file = join(lab.stateDir, 'wide.yaml');
  const kubectl = [join(lab.programs, 'kubectl'), '--kubeconfig', lab.kubeconfig];
  const apply = async (addresses: string) => {
    await writeFile(file, berth.poolManifest('wide', addresses));
    return lab.client.exec([...kubectl, 'apply', '--filename', file]);
  };
  const { code, stderr } = await apply(`${first}/28`);
  assert.equal(code, 0, stderr);
  assert.match(stderr, new RegExp(`^Warning: .*${first}/28 stands for the whole network [0-9.]+/28`, 'm'));
  const { message } = await berth.poolSays(lab, 'wide', 'HostBits True');
  assert.match(message, new RegExp(`spec\\.addresses: ${first}/28 stands for the whole network [0-9.]+/28$`));
  await eventually('an Event', async () => /HostBits/.test(await berth.eventsOf(lab, 'IPAddressPool', 'wide')));
  assert.equal((await apply(pool)).stderr, '');
  await berth.poolSays(lab, 'wide', 'HostBits False');
  await rm(file);
});

test('excluded addresses are never given out, even if a Service requests one', async () => {
  const holes = berth
    .poolManifest('holes', pool)
    .replace('spec: { addresses', `spec: { exclude: ["${first}"], addresses`);
  await lab.apply(holes);
  await lab.apply(berth.serviceManifest('one'));
  assert.equal(await berth.addressOf(lab, 'one'), first.replace(/1$/, '2'));
  await lab.apply(berth.serviceManifest('asks', '', `berth.dev/loadBalancerIPs: ${first}`));
  await eventually('an Event', async () => /AddressNotInPool/.test(await berth.eventsOf(lab, 'Service', 'asks')));
  const bad = { spec: { exclude: ['192.0.2.300'] } };
  await assert.rejects(
    lab.api.patch('ipaddresspools', 'holes', bad),
    /spec\.exclude\[0\]: Invalid value.*"192\.0\.2\.300" is not an address/,
  );
});

test('a Service that requests an address that it cannot have gets an Event with the reason', async () => {
  await lab.apply(berth.poolManifest('good', pool));
  const rows: readonly [string, string, RegExp][] = [
    ['outside', '198.51.100.1', /AddressNotInPool: 198\.51\.100\.1 is not in any IPAddressPool/],
    ['words', 'any', /InvalidRequest: the Service requests "any", which is not an IP address/],
    ['two', `"${first},${last}"`, /ConflictingRequest: the Service requests two IPv4 addresses: /],
  ];
  for (const [name, request, message] of rows) {
    await lab.apply(berth.serviceManifest(name, '', `metallb.io/loadBalancerIPs: ${request}`));
    const events = await eventually('an Event', async () => (await berth.eventsOf(lab, 'Service', name)) || undefined);
    assert.match(events, message);
    const found = await lab.api.get<ServiceObject>('services', name);
    assert.equal(conditionIn(found, 'berth.dev/Allocated')?.status, 'False');
  }
});

test('without an L2Advertisement an Event of the Service says that no L2Advertisement covers its pool', async () => {
  await lab.apply(berth.poolManifest('silent', pool));
  await lab.api.delete('l2advertisements', 'silent');
  await lab.apply(berth.serviceManifest('one'));
  await berth.addressOf(lab, 'one');
  await eventually('an Event', async () =>
    /NoAdvertisement: no L2Advertisement covers pool silent/.test(await berth.eventsOf(lab, 'Service', 'one')),
  );
});

test('a status that another program wrote is left alone', async () => {
  await lab.apply(berth.poolManifest('good', pool));
  await berth.scaleController(lab, 0);
  try {
    await lab.apply(berth.serviceManifest('foreign'));
    const status = '{"status":{"loadBalancer":{"ingress":[{"ip":"198.51.100.7"}]}}}';
    await lab.kubectl(['patch', 'service', 'foreign', '--subresource=status', '--type=merge', '-p', status]);
  } finally {
    await berth.scaleController(lab, 2);
  }
  const events = await eventually(
    'an Event',
    async () => (await berth.eventsOf(lab, 'Service', 'foreign')) || undefined,
    { timeoutMs: 60_000 },
  );
  assert.match(events, /StatusContested: status\.loadBalancer is written by kubectl-patch/);
  assert.equal(await berth.ingressOf(lab, 'foreign'), '198.51.100.7');
});

test('a ledger entry whose name is not its address is refused', async () => {
  const spec = '{ address: 192.0.2.1, pool: p, services: [{ namespace: default, name: one, uid: some }] }';
  const entry = `apiVersion: berth.dev/v1beta1\nkind: IPAllocation\nmetadata: { name: 192.0.2.2 }\nspec: ${spec}`;
  await assert.rejects(lab.apply(entry), /the name must be the address, "192\.0\.2\.1"/);
});

test('chart values with an unknown name or a wrong type are refused', async () => {
  const chart = new URL('../../charts/berth', import.meta.url).pathname;
  const rows: readonly [string, RegExp][] = [
    ['pools[0].name=p,pools[0].addresses=192.0.2.1', /addresses.*want array/],
    ['pools[0].name=p', /missing property 'addresses'/],
    ['servicesWithoutClass=maybe', /want boolean/],
    ['speakr.healthPort=1', /speakr/],
  ];
  for (const [value, message] of rows) {
    await assert.rejects(lab.helm(['template', 'berth', chart, '--set', value]), message, value);
  }
});
