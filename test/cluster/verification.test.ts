/** Every VIP is verified from a second node, and a condition of its IPAllocation has the result. */
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

/** The condition Verified of a Service's address. */
async function verifiedOf(name: string): Promise<Verified | undefined> {
  const entry = (await lab.api.list<Entry>('ipallocations')).find(({ spec }) => spec.services?.[0]?.name === name);
  const condition = conditionIn(entry, 'Verified');
  return condition && { ...condition, holder: entry?.status?.holder?.node ?? '' };
}

/** Waits until the condition is `Status Reason`. */
function becomes(name: string, expected: string): Promise<Verified> {
  return eventually(`${name} is ${expected}`, async () => {
    const found = await verifiedOf(name);
    if (`${found?.status} ${found?.reason}` !== expected) throw new Error(`it is ${JSON.stringify(found)}`);
    return found;
  });
}

/** A Service of type LoadBalancer; `spec` is YAML in flow style. */
function serviceManifest(name: string, spec: string): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { type: LoadBalancer, ${spec} }
`;
}

/** A change of a Service: another port in front of its first one. */
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

/** Half-open connections, which wait for their third segment, in all network namespaces of all nodes. */
async function halfOpen(): Promise<string> {
  const look =
    'set -e; cd /run/netns; for n in $(ls); do nsenter --net=$n ss -Htan state syn-recv; done; ss -Htan state syn-recv';
  const found = await Promise.all(lab.nodes.map((node) => node.exec(['sh', '-c', look])));
  for (const { code, stderr } of found) assert.equal(code, 0, stderr);
  return found.map(({ stdout }) => stdout).join('');
}

test('addresses of both families are verified if holder and data path answer, and no connection stays half open', async () => {
  await lab.apply(berth.serviceManifest('both', 'ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv4, IPv6]'));
  await berth.addressOf(lab, 'both');
  await eventually('both addresses verified', async () => {
    const rows = (await lab.kubectl(['get', 'ipallocations', '--no-headers'])).trim().split('\n');
    // The columns Holder, Announced and Verified.
    return rows.length === 2 && rows.every((row) => /\snode\d\s+True\s+True\s/.test(row));
  });
  const { message, holder } = await becomes('both', 'True Verified');
  assert.ok(!message.includes(holder), `the holder has verified itself: ${message}`);
  await eventually('no half-open connection', async () => (await halfOpen()) === '', { timeoutMs: 5_000 });
});

test('verification finds a firewall on the holder, and the end of the firewall', async () => {
  await lab.apply(berth.serviceManifest('one'));
  const vip = await berth.addressOf(lab, 'one');
  await becomes('one', 'True Verified');
  const drop = `ip daddr ${vip} tcp dport 1-65535 drop`;
  try {
    await nftEverywhere(
      ['-f', '-'],
      `table ip berth-test { chain in { type filter hook prerouting priority -300; ${drop}; }; }`,
    );
    // A Service that has changed is verified again soon.
    await lab.api.patch('services', 'one', otherPort);
    const { message } = await becomes('one', 'False NoDataPath');
    assert.match(message, /^node node\d probed .* TCP port 81 did not$/);
  } finally {
    // Also works where the table does not exist, as after a failure of nft on another node.
    await nftEverywhere(['-f', '-'], 'table ip berth-test; delete table ip berth-test');
  }
  await becomes('one', 'True Verified');
});

test('verification reports another host that answers for an address', async () => {
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

test('if nothing can be probed, the condition Verified is Unknown, not False', async () => {
  for (const { name, spec } of unknown) await lab.apply(serviceManifest(name, spec));
  for (const { name, reason } of unknown) await becomes(name, `Unknown ${reason}`);
});
