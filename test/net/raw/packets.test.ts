/**
 * Which clients reach which ports, with real packets, for Services, nodes and other hosts as the
 * API server reports them.
 */
import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';
import { ip, linkName, writeSysctl } from '../namespaces.ts';
import { type Endpoint, loadPath, nftIn, own, type PathLab, startEndpoint, startPathLab, vips } from '../path-lab.ts';
import { Gathering, linkOf } from './gathering.ts';
import {
  type Cluster,
  clusterOf,
  type Fields,
  handedOff,
  rawAllocation,
  rawNode,
  rawService,
  rawSlice,
} from './objects.ts';

let lab: PathLab;
before(async () => {
  lab = await startPathLab();
  await lab.nodeEnd.serve('tcp', 30_080);
});
after(() => lab?.close());

/** Loads the rules of a node with these objects. */
async function loadFor(cluster: Partial<Cluster>): Promise<void> {
  const node = new Gathering();
  try {
    const links = [linkOf(linkName, ['10.99.0.2/16', 'fd99::2/64'])];
    loadPath(lab.node, await node.pathOf(clusterOf(cluster), { links }));
  } finally {
    node.close();
  }
}

/** The objects of one Service at the VIP, with node port 30080, where the server of these tests is. */
function one(spec: Fields, { metadata }: { readonly metadata?: Fields } = { metadata: handedOff }): Partial<Cluster> {
  const service = rawService('web', [vips.IPv4], { spec, ...(metadata && { metadata }) });
  const endpointSlices = [rawSlice('web', service, { endpoints: [{ addresses: ['10.244.1.5'], nodeName: 'n1' }] })];
  return { services: [service], endpointSlices, allocations: [rawAllocation(vips.IPv4, [service])] };
}

/**
 * The result of the client's request: an answer, or an error code. The default timeout is short,
 * for tests that expect silence.
 */
async function outcome(timeoutMs = 1_000): Promise<string | undefined> {
  const { text, error } = await lab.clientEnd.ask('tcp', { host: vips.IPv4, port: 80, timeoutMs });
  return text === undefined ? error : 'Answered';
}

test('with hand-off NodePort a client in a source range is answered, and any other client is not', async () => {
  await loadFor(one({ loadBalancerSourceRanges: ['10.99.0.0/16'] }));
  assert.equal(await outcome(3_000), 'Answered');
  await loadFor(one({ loadBalancerSourceRanges: ['192.0.2.0/24'] }));
  assert.equal(await outcome(), 'Timeout');
});

test('a range in a spelling that Kubernetes accepts admits the same clients as in Kubernetes', async () => {
  await loadFor(one({ loadBalancerSourceRanges: ['192.000.002.000/24'] }));
  const outside = await outcome(2_000);
  assert.equal(outside, 'Timeout', `a client outside of the range: ${outside}`);
});

/** Like kube-proxy for an address of a Service that has no ranges of the address's family: it admits every client. */
const kubeProxy = `table ip proxy {
  chain services {
    type nat hook prerouting priority dstnat
    ip daddr ${vips.IPv4} tcp dport 80 dnat to ${own.IPv4}:30080
  }
}`;

const removal = 'add table ip proxy\ndelete table ip proxy\n';

test('source ranges of only the other family mean the same with both hand-offs', async (t) => {
  t.after(() => nftIn(lab.node, removal));
  const spec = { loadBalancerSourceRanges: ['2001:db8::/32'] };
  nftIn(lab.node, kubeProxy);
  await loadFor(one(spec, {}));
  const byKubeProxy = await outcome(3_000);
  nftIn(lab.node, removal);
  await loadFor(one(spec));
  assert.deepEqual({ NodePort: await outcome() }, { NodePort: byKubeProxy });
});

test('a port with hand-off NodePort is served by a node that reports no address of the family', async () => {
  await loadFor({ ...one({}), nodes: [rawNode('n1', ['fd99::2']), ...clusterOf().nodes.slice(1)] });
  const served = await outcome();
  assert.equal(served, 'Answered', `a client of the VIP: ${served}`);
});

/** The status of the VIP's entry, with these conditions. */
function statusWith(...conditions: readonly (readonly [type: string, status: string, reason: string])[]): Fields {
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  return {
    conflict: { mac: '02:00:00:00:00:01' },
    holder: { node: 'n1', term: 1, links: [] },
    conditions: conditions.map(([type, status, reason]) => {
      return { type, status, reason, message: 'another host', lastTransitionTime };
    }),
  };
}

/** The VIP is not announced, and another host has it: clusters that end in this state in different ways. */
function clustersWithout(): Readonly<Record<string, Partial<Cluster>>> {
  const service = rawService('web', [vips.IPv4]);
  const allocations = [rawAllocation(vips.IPv4, [service])];
  const withStatus = (status: Fields): Partial<Cluster> => {
    return { services: [service], allocations: [rawAllocation(vips.IPv4, [service], { status })] };
  };
  return {
    'another host answered for it': withStatus(
      statusWith(['Announced', 'False', 'AddressTaken'], ['Conflict', 'True', 'AddressTaken']),
    ),
    'another program answers for it': withStatus(
      statusWith(['Announced', 'False', 'AnnouncedByOtherProgram'], ['Conflict', 'True', 'AnnouncedByOtherProgram']),
    ),
    'another host claims it, too': withStatus(
      statusWith(['Announced', 'True', 'Announced'], ['Conflict', 'True', 'ForeignClaim']),
    ),
    'no node can announce it': withStatus(statusWith(['Announced', 'False', 'NoCandidate'])),
    'no advertisement covers it': { services: [service], allocations, advertisements: [] },
  };
}

test('packets for an address that another host has are left alone', async (t) => {
  const pod = await startPod(t);
  // The client is the other host.
  ip(`-n ${lab.client} address add ${vips.IPv4}/32 dev ${linkName}`);
  ip(`-n ${lab.client} route add ${podNetwork} via ${own.IPv4}`);
  await lab.clientEnd.serve('tcp', 8_443, vips.IPv4);
  const asked = async () => (await pod.ask('tcp', { host: vips.IPv4, port: 8_443, timeoutMs: 2_000 })).error;
  nftIn(lab.node, 'flush ruleset\n');
  assert.equal(await asked(), undefined, 'without our rules the Pod reaches the other host');
  for (const [why, cluster] of Object.entries(clustersWithout())) {
    await loadFor(cluster);
    const refused = await asked();
    assert.equal(refused, undefined, `${why}: a Pod that connects to the other host: ${refused}`);
  }
  const service = rawService('web', [vips.IPv4]);
  await loadFor({ services: [service], allocations: [rawAllocation(vips.IPv4, [service])] });
  assert.equal(await asked(), 'ECONNREFUSED', 'a VIP that is announced refuses other ports');
});

const podNetwork = '10.98.0.0/24';

/** A Pod behind the node: its own namespace, with a program in it. */
async function startPod(t: TestContext): Promise<Endpoint> {
  const name = `${lab.node}p`;
  ip(`netns add ${name}`);
  t.after(() => ip(`netns del ${name}`));
  ip(`-n ${name} link add eth0 type veth peer name pod netns ${lab.node}`);
  for (const [namespace, link, address] of [
    [name, 'eth0', '10.98.0.2/24'],
    [lab.node, 'pod', '10.98.0.1/24'],
  ]) {
    ip(`-n ${namespace} address add ${address} dev ${link}`);
    ip(`-n ${namespace} link set ${link} up`);
  }
  ip(`-n ${name} route add default via 10.98.0.1`);
  writeSysctl(lab.node, 'net/ipv4/ip_forward', '1');
  const end = await startEndpoint(name);
  t.after(() => end.process.close());
  return end;
}
