/**
 * Which rules follow from Services: exactly what the Services ask for, and for a change only the
 * commands that it needs.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RawService } from '../../../src/api/service.ts';
import { changeText, type Ruleset } from '../../../src/dataplane/nft/ruleset.ts';
import { rulesetOf } from '../../../src/dataplane/rules/desired.ts';
import { fc } from '../../property.ts';
import { Gathering } from './gathering.ts';
import {
  type Cluster,
  clusterOf,
  handedOff,
  rawAdvertisement,
  rawAllocation,
  rawService,
  rawSlice,
} from './objects.ts';
import { type World, worlds } from './worlds.ts';

const runs = Number(process.env.BERTH_NFT_RUNS ?? 30);

/** Gives a test a node, and ends the node's timers afterwards. */
async function withNode<T>(use: (node: Gathering) => Promise<T>): Promise<T> {
  const node = new Gathering();
  try {
    return await use(node);
  } finally {
    node.close();
  }
}

/** The elements of a set or map in a family's table. */
function heldBy(ruleset: Ruleset, family: string, name: string): readonly string[] {
  const collection = ruleset.find((table) => table.family === family)?.collections.get(name);
  const said = [...(collection?.elements ?? [])].map(([key, value]) => (value === '' ? key : `${key} > ${value}`));
  return said.sort();
}

/** The ports of a Service that is served at an address, by the rules of docs/services.md. */
function portsOf({ spec, status, metadata }: RawService) {
  const ports = (spec.ports ?? []).map(({ protocol = 'TCP', port, nodePort = 0 }) => ({ protocol, port, nodePort }));
  const isPlain = ports.every(({ protocol, nodePort }) => nodePort > 0 && protocol !== 'SCTP');
  const asked = metadata.annotations?.['berth.dev/hand-off'] === 'NodePort' && isPlain;
  const shown = status?.loadBalancer?.ingress?.some(({ ipMode }) => ipMode === 'Proxy');
  return ports.map((port) => ({
    ...port,
    rewritten: (asked || shown === true) && port.protocol !== 'SCTP' && port.nodePort > 0,
  }));
}

/** The expected elements of one family's sets, from the objects alone. */
function expected({ cluster }: World, family: 'ip' | 'ip6') {
  const byUid = new Map(cluster.services.map((service) => [service.metadata.uid, service]));
  const vips: string[] = [];
  const served: string[] = [];
  const rewritten = { TCP: [] as string[], UDP: [] as string[] };
  for (const { spec } of cluster.allocations) {
    const users = spec.services.map(({ uid }) => byUid.get(uid)).filter((one) => one !== undefined);
    const live = users.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (live.length === 0 || spec.address.includes(':') !== (family === 'ip6')) continue;
    vips.push(spec.address);
    for (const { protocol, port, nodePort, rewritten: isRewritten } of live.flatMap(portsOf)) {
      served.push(`${spec.address} . ${protocol.toLowerCase()} . ${port}`);
      if (isRewritten) rewritten[protocol as 'TCP' | 'UDP'].push(`${spec.address} . ${port} > ${nodePort}`);
    }
  }
  return {
    vips: vips.sort(),
    served: [...new Set(served)].sort(),
    TCP: rewritten.TCP.sort(),
    UDP: rewritten.UDP.sort(),
  };
}

/**
 * Whether the Node object has an address of the family. Without one there is no target to rewrite to. An IPv4 address that is mapped into
 * IPv6 is an IPv4 address.
 */
function hasOwn({ cluster }: World, family: 'ip' | 'ip6'): boolean {
  const [self] = cluster.nodes;
  const own = (self?.status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
  const isIpv6 = (address: string) => address.includes(':') && !address.toLowerCase().startsWith('::ffff:');
  return own.some(({ address }) => isIpv6(address) === (family === 'ip6') && !address.startsWith('0'));
}

test('the rules have every address and port of the Services, and rewrite the ports with hand-off NodePort', async () => {
  const property = fc.asyncProperty(worlds, (world) =>
    withNode(async (node) => {
      const ruleset = rulesetOf(await node.pathOf(world.cluster, world.around));
      for (const family of ['ip', 'ip6'] as const) {
        const { vips, served, TCP, UDP } = expected(world, family);
        assert.deepEqual(heldBy(ruleset, family, 'vips'), vips);
        assert.deepEqual(heldBy(ruleset, family, 'served'), served);
        if (!hasOwn(world, family)) continue;
        assert.deepEqual(heldBy(ruleset, family, 'tcp_to'), TCP);
        assert.deepEqual(heldBy(ruleset, family, 'udp_to'), UDP);
      }
    }),
  );
  await fc.assert(property, { numRuns: runs });
});

/** The same cluster in another order, with other versions, and with annotations and managed fields of other writers. */
function told(cluster: Cluster): Cluster {
  const again = <T extends { readonly metadata: RawService['metadata'] }>(objects: readonly T[]): readonly T[] =>
    objects.toReversed().map((object) => {
      const annotations = { ...object.metadata.annotations, 'other.example/seen': 'yes' };
      const managedFields = [{ manager: 'other', operation: 'Update', time: '2026-01-03T00:00:00Z' }];
      return { ...object, metadata: { ...object.metadata, annotations, managedFields } };
    });
  const kinds = Object.entries(cluster).map(([kind, objects]) => [kind, again(objects as Cluster['services'])]);
  return Object.fromEntries(kinds) as Cluster;
}

test('changes of a cluster that mean nothing to Berth change no rule', async () => {
  const property = fc.asyncProperty(worlds, ({ cluster, around }) =>
    withNode(async (node) => {
      const before = rulesetOf(await node.pathOf(cluster, around));
      const after = rulesetOf(await node.pathOf(told(cluster), around));
      assert.equal(changeText(before, after), '');
    }),
  );
  await fc.assert(property, { numRuns: runs });
});

/**
 * A cluster of this many Services with everything that the tables can have: both families, node
 * ports, ranges, dead endpoints.
 */
function clusterWith(count: number, distribution: string): Cluster {
  const all = Array.from({ length: count }, (_, i) => {
    const [service, addresses] = numbered(i);
    const slice = rawSlice(`slice-${i}`, service, {
      endpoints: [{ addresses: [`10.244.1.${i % 250}`], nodeName: 'n2' }],
    });
    return { service, slice, allocations: addresses.map((address) => rawAllocation(address, [service])) };
  });
  return clusterOf({
    services: all.map(({ service }) => service),
    endpointSlices: all.map(({ slice }) => slice),
    allocations: all.flatMap(({ allocations }) => allocations),
    advertisements: [rawAdvertisement({ distribution })],
  });
}

function numbered(i: number): readonly [RawService, readonly string[]] {
  const addresses = [`10.99.${10 + (i >> 8)}.${i & 255}`, `fd99::${(0x1000 + i).toString(16)}`];
  const ports = [80, 443].map((port, at) => ({ name: `p${port}`, protocol: 'TCP', port, nodePort: nodePortOf(i, at) }));
  const spec = { ports, loadBalancerSourceRanges: ['10.0.0.0/8', '2001:db8::/32'] };
  return [rawService(`web-${i}`, addresses, { metadata: handedOff, spec }), addresses];
}

const nodePortOf = (i: number, at: number) => 20_000 + 2 * i + at;

/** The commands that one more Service needs, and those that its removal needs. */
function costOfOneMore(count: number, distribution: string): Promise<readonly [string, string]> {
  return withNode(async (node) => {
    const more = clusterWith(count + 1, distribution);
    const [before, after] = [clusterWith(count, distribution), more];
    const first = rulesetOf(await node.pathOf(before));
    const second = rulesetOf(await node.pathOf(after));
    return [changeText(first, second), changeText(second, first)];
  });
}

for (const distribution of ['Single', 'Spread']) {
  test(`one more Service adds only its own elements, however many Services there are: ${distribution}`, async () => {
    const bytes: number[] = [];
    for (const count of [2, 300]) {
      const [more, less] = await costOfOneMore(count, distribution);
      const own = [numbered(count)[1], [0, 1].map((at) => `${nodePortOf(count, at)}`)].flat();
      for (const [verb, text] of [
        ['add', more],
        ['delete', less],
      ] as const) {
        const lines = text.split('\n').filter(Boolean);
        for (const line of lines) assert.match(line, new RegExp(`^${verb} element `));
        const elements = lines.flatMap((line) => (/\{ (.*) \}/.exec(line)?.[1] ?? '').split(', '));
        const strange = elements.filter((element) => !own.some((word) => element.split(' ').includes(word)));
        // In the rules that silence the kernel an IPv6 address is a number of 128 bits.
        assert.deepEqual(
          strange.filter((element) => !element.startsWith('0xfd99')),
          [],
        );
      }
      bytes.push(more.length);
    }
    const [few = 0, many = 0] = bytes;
    assert.ok(many <= few + 100, `${many} bytes, and with few Services ${few}`);
    assert.ok(many < 6_000, `${many} bytes`);
  });
}
