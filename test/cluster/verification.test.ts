/** Every VIP is verified from a second node, and its IPAllocation says so: the speakers have nothing but NET_RAW. */
import assert from 'node:assert/strict';
import { afterEach, before, beforeEach, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';
import { conditionIn, type Entry } from './objects.ts';

const lab = berth.sharedLab();

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.backends);
  await lab.rolledOut('deployment/web');
});
beforeEach(() => lab.apply(berth.poolManifest('main', lab.subnet.vips, lab.subnet.vipsIpv6)));
afterEach(() => berth.cleanUp(lab));

interface Verified {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** The node that held the address when this was written. */
  readonly holder: string;
}

/** The condition of the Service's address. */
async function verifiedOf(name: string): Promise<Verified | undefined> {
  const entry = (await lab.api.list<Entry>('ipallocations')).find(({ spec }) => spec.services?.[0]?.name === name);
  const condition = conditionIn(entry, 'Verified');
  return condition && { ...condition, holder: entry?.status?.holder?.node ?? '' };
}

/** Waits until the condition says this. */
function becomes(name: string, expected: string): Promise<Verified> {
  return eventually(`${name} is ${expected}`, async () => {
    const found = await verifiedOf(name);
    if (`${found?.status} ${found?.reason}` !== expected) throw new Error(`it is ${JSON.stringify(found)}`);
    return found;
  });
}

/** A Service of type LoadBalancer; \`spec\` is YAML in flow style. */
function serviceManifest(name: string, spec: string): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { type: LoadBalancer, ${spec} }
`;
}

/** A change of a Service: another port before the one that it had. */
const otherPort = {
  spec: {
    ports: [
      { name: 'other', port: 81, targetPort: 8080 },
      { name: 'web', port: 80, targetPort: 8080 },
    ],
  },
};

/** Runs nft(8) on every node: an address may move in the middle of a test. */
async function nftEverywhere(argv: readonly string[], input = ''): Promise<void> {
  const runs = await Promise.all(lab.nodes.map((node) => node.exec(['nft', ...argv], { input })));
  for (const { code, stderr } of runs) assert.equal(code, 0, stderr);
}

/** Connections that wait for their third segment, in all networks of all nodes. */
async function halfOpen(): Promise<string> {
  const look =
    'set -e; cd /run/netns; for n in $(ls); do nsenter --net=$n ss -Htan state syn-recv; done; ss -Htan state syn-recv';
  const found = await Promise.all(lab.nodes.map((node) => node.exec(['sh', '-c', look])));
  for (const { code, stderr } of found) assert.equal(code, 0, stderr);
  return found.map(({ stdout }) => stdout).join('');
}

test('addresses of both families whose holder and data path answer are verified, and nothing is half open', async () => {
  await lab.apply(berth.serviceManifest('both', 'ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv4, IPv6]'));
  await berth.addressOf(lab, 'both');
  await eventually('True for both', async () => {
    const rows = (await lab.kubectl(['get', 'ipallocations', '--no-headers'])).trim().split('\n');
    // The columns Holder, Announced and Verified.
    return rows.length === 2 && rows.every((row) => /\snode\d\s+True\s+True\s/.test(row));
  });
  const { message, holder } = await becomes('both', 'True Verified');
  assert.ok(!message.includes(holder), `the holder has verified itself: ${message}`);
  await eventually('nothing half open', async () => (await halfOpen()) === '', { timeoutMs: 5_000 });
});

test('verification finds a firewall at the holder, and its end', async () => {
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  await becomes('one', 'True Verified');
  const drop = `ip daddr ${vip} tcp dport 1-65535 drop`;
  try {
    await nftEverywhere(
      ['-f', '-'],
      `table ip berth-test { chain in { type filter hook prerouting priority -300; ${drop}; }; }`,
    );
    // The Service has changed: that is looked at soon.
    await lab.api.patch('services', 'one', otherPort);
    const { message } = await becomes('one', 'False NoDataPath');
    assert.match(message, /^node node\d probed .* TCP port 81 did not$/);
  } finally {
    // Also where it was not made, as when another node's nft failed.
    await nftEverywhere(['-f', '-'], 'table ip berth-test; delete table ip berth-test');
  }
  await becomes('one', 'True Verified');
});

test('verification names another host that answers for an address', async () => {
  const { client } = lab;
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  await becomes('one', 'True Verified');
  const own = (verb: string) => client.exec(['ip', 'address', verb, `${vip}/32`, 'dev', client.link]);
  try {
    assert.equal((await own('add')).code, 0);
    await lab.api.patch('services', 'one', otherPort);
    const { message } = await becomes('one', 'False AnsweredByOther');
    assert.ok(message.includes(client.mac), message);
  } finally {
    await own('del');
  }
  await becomes('one', 'True Verified');
});

const unknown = [
  { name: 'udp', spec: 'selector: { app: web }, ports: [{ port: 53, protocol: UDP }]', reason: 'NotProbed' },
  {
    name: 'ranges',
    spec: 'selector: { app: web }, ports: [{ port: 80, targetPort: 8080 }], loadBalancerSourceRanges: [203.0.113.0/24]',
    reason: 'NotProbed',
  },
  { name: 'nobody', spec: 'selector: { app: nobody }, ports: [{ port: 80 }]', reason: 'NoEndpoints' },
] as const;

test('where nothing can be probed the condition Verified is Unknown, not False', async () => {
  for (const { name, spec } of unknown) await lab.apply(serviceManifest(name, spec));
  for (const { name, reason } of unknown) await becomes(name, `Unknown ${reason}`);
});
