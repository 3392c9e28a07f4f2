/** Another host on the link uses addresses of a pool, before they are announced or while they are. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';

const lab = berth.sharedLab();
/** A host that is not a node of the cluster and uses addresses of the pool. */
const stranger = lab.controlPlane;
const [first = ''] = lab.subnet.vips.split('-');
/** The addresses of the pool, the lowest first. */
const vips = Array.from({ length: 8 }, (_, i) => first.replace(/\d+$/, (last) => String(Number(last) + i)));
const [vip = '', next = ''] = vips;
const network = lab.subnet.ipv4.replace(/\/.*/, '');

/** A field of a condition of an object; `object` is `kind/name`. */
const condition = (object: string, type: string, field = 'reason') =>
  lab.kubectl(['get', object, '-o', `jsonpath={.status.conditions[?(@.type=="${type}")].${field}}`]);
const strangersMac = async () => (await stranger.exec(['cat', '/sys/class/net/eth0/address'])).stdout.trim();
const own = (address: string) => stranger.exec(['ip', 'address', 'add', `${address}/32`, 'dev', 'eth0']);
const disown = () =>
  stranger.exec([
    'sh',
    '-c',
    'ip -4 -o address show dev eth0 | grep /32 | while read -r _ _ _ a _; do ip address del $a dev eth0; done',
  ]);

/** The address of Service `one` if its condition says that it is announced. */
async function announcedAddress(): Promise<string | undefined> {
  const ip = await berth.ingressOf(lab, 'one');
  return (await condition('service/one', 'berth.dev/Announced', 'status')) === 'True' ? ip : undefined;
}

/** The interface to which the stranger, as a router, has routes for all addresses. */
const inside = 'inside';
const settings = (value: 0 | 1) => [
  `echo ${value} > /proc/sys/net/ipv4/conf/eth0/forwarding`,
  `echo ${value} > /proc/sys/net/ipv4/conf/eth0/proxy_arp`,
];

/** Makes the stranger a proxy (RFC 1027): it answers at once for every address that is not on its own link, also for those of the pool. */
async function becomeProxy(): Promise<void> {
  const range = `${vip.replace(/\d+$/, '0')}/24`;
  const routes = [range, '0.0.0.0/1', '128.0.0.0/1'].map((to) => `ip route add ${to} dev ${inside}`);
  await onStranger(
    ...[`ip link add ${inside} type bridge`, `ip link set ${inside} up`, ...routes],
    ...['echo 0 > /proc/sys/net/ipv4/neigh/eth0/proxy_delay', ...settings(1)],
  );
}

/** Ends the proxy. Its routes are removed with their interface. */
async function beNoProxy(): Promise<void> {
  await onStranger(...settings(0), `ip link del ${inside}`);
}

async function onStranger(...lines: readonly string[]): Promise<void> {
  const { code, stderr } = await stranger.exec(['sh', '-e', '-c', lines.join('\n')]);
  assert.equal(code, 0, stderr);
}

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.kubectl(['rollout', 'status', 'deployment/web', '--timeout=90s']);
});
afterEach(async () => {
  await disown();
  await lab.kubectl(['delete', 'service', '--selector', '!provider', '--ignore-not-found']);
  // Entries in quarantine would stay for an hour.
  await lab.kubectl(['delete', 'ipallocations', network, ...vips, '--ignore-not-found']);
  await berth.cleanUp(lab);
});
after(() => lab.kubectl(['delete', 'deployment', 'web', '--ignore-not-found']));

test('an address that another host uses is quarantined and not announced, and the Service gets the next one', async () => {
  await own(vip);
  await lab.apply(berth.poolManifest('main', `${vip}-${vips.at(-1)}`));
  await lab.apply(berth.serviceManifest('one'));
  await eventually('the next address', async () => (await berth.ingressOf(lab, 'one')) === next);
  await eventually('an answer', () => berth.curl(lab, next));
  assert.deepEqual(await berth.answeringMacs(lab, vip), new Set([await strangersMac()]), `Berth answers for ${vip}`);
  const quarantine = await eventually('the quarantine', async () => {
    const text = await lab.kubectl(['get', 'ipallocation', vip, '-o', 'jsonpath={.spec.quarantine}']);
    return text === '' ? undefined : (JSON.parse(text) as { reason: string; mac: string; service: { name: string } });
  });
  assert.deepEqual(
    [quarantine.reason, quarantine.mac, quarantine.service.name],
    ['AddressTaken', await strangersMac(), 'one'],
  );
  const events = await eventually('an Event', async () => {
    const text = await lab.kubectl([
      'get',
      'events',
      '--field-selector=reason=AddressConflict',
      '-o',
      'jsonpath={.items[*].note}{.items[*].message}',
    ]);
    return text.includes(vip) ? text : undefined;
  });
  assert.match(events, new RegExp(`${next}`));
});

test('a requested address that another host uses stays with its Service; the condition names the host, and the address is announced when the host is gone', async () => {
  await own(vip);
  await lab.apply(berth.poolManifest('main', `${vip}-${vips.at(-1)}`));
  await lab.apply(berth.serviceManifest('one', `loadBalancerIP: ${vip}`));
  await eventually(
    'the reason AddressTaken',
    async () => (await condition('service/one', 'berth.dev/Announced')) === 'AddressTaken',
  );
  assert.match(await condition('service/one', 'berth.dev/Announced', 'message'), new RegExp(await strangersMac()));
  assert.equal(await berth.ingressOf(lab, 'one'), vip);
  assert.deepEqual(await berth.answeringMacs(lab, vip), new Set([await strangersMac()]));
  await disown();
  await eventually('an answer', () => berth.curl(lab, vip));
  await eventually(
    'the condition',
    async () => (await condition('service/one', 'berth.dev/Announced', 'status')) === 'True',
  );
  assert.equal(await condition(`ipallocation/${vip}`, 'Conflict'), '');
});

test('a router that answers for every address counts as a proxy: a Service moves at most three times, and its address is announced', async () => {
  await becomeProxy();
  try {
    // A proxy answers for an address that no host can have (RFC 5737), and for one that no host has.
    // A host with many addresses answers for neither.
    for (const address of ['192.0.2.1', vips.at(-1) ?? '']) {
      assert.deepEqual(await berth.answeringMacs(lab, address), new Set([await strangersMac()]), address);
    }
    await lab.apply(berth.poolManifest('main', `${vip}-${vips.at(-1)}`));
    await lab.apply(berth.serviceManifest('one'));
    const address = await eventually('an announced address', announcedAddress);
    assert.ok(vips.slice(0, 4).includes(address), address);
    const holder = await lab.kubectl(['get', 'ipallocation', address, '-o', 'jsonpath={.status.holder.node}']);
    const mac = lab.nodes.find(({ name }) => name === holder)?.mac ?? assert.fail(`"${holder}" is not a node`);
    await eventually('an answer from the holder', async () => (await berth.answeringMacs(lab, address)).has(mac));
    assert.notEqual(await condition(`ipallocation/${address}`, 'Conflict'), 'AddressTaken');
  } finally {
    await beNoProxy();
  }
});

test('no address is announced while another host answers for it, however many addresses that host has', async () => {
  for (const address of vips.slice(0, 4)) await own(address);
  await lab.apply(berth.poolManifest('main', `${vip}-${vips.at(-1)}`));
  await lab.apply(berth.serviceManifest('one'));
  // The Service may get a free address, or wait for an administrator: both are correct.
  // The timeout is longer than three moves with all their probes.
  const announced = await eventually('an announced address', announcedAddress, { timeoutMs: 10_000 }).catch(() => '');
  const others = await strangersMac();
  const macs = announced === '' ? new Set() : await berth.answeringMacs(lab, announced);
  assert.ok(!macs.has(others), `${announced} is announced, and ${others}, a MAC of no node, answers for it`);
});

test('another host that claims an announced address is reported, and the holder keeps announcing the address', async () => {
  await lab.apply(berth.poolManifest('main', `${vip}-${vips.at(-1)}`));
  await lab.apply(berth.serviceManifest('one'));
  await eventually('an answer', () => berth.curl(lab, vip));
  const [mac] = await berth.answeringMacs(lab, vip);
  await own(vip);
  // An ARP request with the stolen address as source: all hosts of the link receive it.
  await stranger.exec([
    'sh',
    '-c',
    `ip neigh flush to ${lab.client.ip}; ping -c 1 -W 1 -I ${vip} ${lab.client.ip} || true`,
  ]);
  await eventually(
    'the reason ForeignClaim',
    async () => (await condition(`ipallocation/${vip}`, 'Conflict')) === 'ForeignClaim',
  );
  assert.match(await condition(`ipallocation/${vip}`, 'Conflict', 'message'), new RegExp(await strangersMac()));
  assert.equal(await condition(`ipallocation/${vip}`, 'Announced', 'status'), 'True', 'no longer announced');
  await disown();
  assert.deepEqual(await berth.answeringMacs(lab, vip), new Set([mac]));
});

test('the first address of a subnet is not announced: the Service gets another one', async () => {
  await lab.apply(berth.poolManifest('main', network, next));
  await lab.apply(berth.serviceManifest('one'));
  await eventually('the other address', async () => (await berth.ingressOf(lab, 'one')) === next);
  await eventually('an answer', () => berth.curl(lab, next));
});

test('a speaker may write only its own node as the holder of an address', async () => {
  await lab.apply(berth.poolManifest('main', `${vip}-${vips.at(-1)}`));
  await lab.apply(berth.serviceManifest('one'));
  const holder = await eventually('a holder', async () => {
    return (await lab.kubectl(['get', 'ipallocation', vip, '-o', 'jsonpath={.status.holder.node}'])) || undefined;
  });
  const pods = ['-n', berth.namespace, 'get', 'pods', '--selector', 'app.kubernetes.io/component=speaker'];
  const rows = await lab.kubectl([...pods, '-o', 'jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName} {end}']);
  const [pod = '', node = ''] =
    (rows.match(/\S+ \S+/g) ?? []).map((row) => row.split(' ')).find((row) => row[1] !== holder) ?? [];
  // An attacker could do this with the token of another node's speaker.
  const token = (
    await lab.kubectl([
      '-n',
      berth.namespace,
      'exec',
      pod,
      '--',
      'cat',
      '/var/run/secrets/kubernetes.io/serviceaccount/token',
    ])
  ).trim();
  const claim = (name: string) => ({
    status: { holder: { node: name, term: 99, since: '2026-01-01T00:00:00Z', links: [] } },
  });
  const server = await lab.kubectl(['config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}']);
  const url = `${server}/apis/berth.dev/v1beta1/ipallocations/${vip}/status`;
  const headers = [`Authorization: Bearer ${token}`, 'Content-Type: application/merge-patch+json'];
  const write = async (name: string) => {
    const request = ['--request', 'PATCH', '--data', JSON.stringify(claim(name)), url];
    const args = ['--silent', '--insecure', ...headers.flatMap((header) => ['--header', header]), ...request];
    return (await lab.client.exec(['curl', ...args])).stdout;
  };
  const refused = JSON.parse(await write(holder)) as { readonly message: string };
  assert.match(refused.message, new RegExp(`the speaker of node "${node}" may write only its own node`));
  assert.match(await write(node), /"term": ?99/);
});
