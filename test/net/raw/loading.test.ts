/**
 * From Services as the API server returns them to the tables of a real kernel: everything loads,
 * and a change leads to the same tables as a start.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeText, type Ruleset, wholeText } from '../../../src/dataplane/nft/ruleset.ts';
import { rulesetOf } from '../../../src/dataplane/rules/desired.ts';
import { fc } from '../../property.ts';
import { enterNewNamespace } from '../own-namespace.ts';
import { Gathering } from './gathering.ts';
import { elementsOf, listing, load } from './kernel.ts';
import { clusterOf, type Fields, handedOff, rawAllocation, rawService, rawSlice } from './objects.ts';
import { worlds } from './worlds.ts';

enterNewNamespace(['v0', 'v1']);

/** Every run starts nft several times. */
const runs = Math.ceil(Number(process.env.BERTH_NFT_RUNS ?? 30) / 4);

test('the rules of any Services load, and a change leads to the same tables as a start', async () => {
  const walk = fc.asyncProperty(fc.array(worlds, { minLength: 3, maxLength: 5 }), async (all) => {
    const node = new Gathering();
    try {
      let before: Ruleset | undefined;
      for (const { cluster, around, later } of all) {
        await node.pathOf(cluster, around);
        const ruleset = rulesetOf(await node.look(later));
        load(before === undefined ? wholeText(ruleset) : changeText(before, ruleset));
        const changed = listing();
        load(`flush ruleset\n${wholeText(ruleset)}`);
        assert.deepEqual(changed, listing());
        before = ruleset;
      }
    } finally {
      node.close();
    }
  });
  await fc.assert(walk, { numRuns: runs, interruptAfterTimeLimit: 30_000, markInterruptAsFailure: false });
});

/** The elements of an IPv4 set after the rules of one Service with this spec were loaded. */
async function loadedOf(set: string, spec: Fields): Promise<readonly string[]> {
  const service = rawService('web', ['10.99.3.1'], { metadata: handedOff, spec });
  const node = new Gathering();
  try {
    const cluster = clusterOf({ services: [service], allocations: [rawAllocation('10.99.3.1', [service])] });
    load(wholeText(rulesetOf(await node.pathOf(cluster))));
    return (elementsOf('ip', set) ?? []).map((one) => JSON.stringify(one)).sort();
  } finally {
    node.close();
  }
}

test('source ranges reach the kernel as the networks that Kubernetes parses them to', async () => {
  const rows: readonly (readonly [readonly string[], readonly string[]])[] = [
    [['10.0.0.0/8'], ['10.0.0.0/8']],
    [['10.1.2.3/8'], ['10.0.0.0/8']],
    [
      [' 192.0.2.0/24 ', '198.51.100.7/32'],
      ['192.0.2.0/24', '198.51.100.7'],
    ],
    [['2001:db8::/32', '192.0.2.0/24'], ['192.0.2.0/24']],
    [['10.0.0.0/9', '10.128.0.0/9'], ['10.0.0.0/8']],
    [['10.0.0.0/8', '10.1.0.0/16'], ['10.0.0.0/8']],
  ];
  for (const [loadBalancerSourceRanges, networks] of rows) {
    const found = await loadedOf('tcp_allowed', { loadBalancerSourceRanges });
    const said = found.map((one) => {
      const [, , range] = (JSON.parse(one) as { concat: readonly unknown[] }).concat;
      const { prefix } = range as { readonly prefix?: { readonly addr: string; readonly len: number } };
      return prefix ? `${prefix.addr}/${prefix.len}` : range;
    });
    assert.deepEqual(said.sort(), networks, loadBalancerSourceRanges.join(', '));
  }
});

test('a port is rewritten to its own node port, for its own protocol', async () => {
  const ports = [
    { port: 53, protocol: 'UDP', nodePort: 30_053 },
    { port: 53, protocol: 'TCP', nodePort: 30_053 },
    { port: 80, nodePort: 30_080 },
  ];
  const to = (port: number, nodePort: number) => JSON.stringify([{ concat: ['10.99.3.1', port] }, nodePort]);
  assert.deepEqual(await loadedOf('udp_to', { ports }), [to(53, 30_053)]);
  assert.deepEqual(await loadedOf('tcp_to', { ports }), [to(53, 30_053), to(80, 30_080)]);
  // If one port cannot be rewritten, kube-proxy serves all ports.
  for (const odd of [{ port: 9, protocol: 'SCTP', nodePort: 30_009 }, { port: 9 }]) {
    assert.equal((await loadedOf('tcp_to', { ports: [...ports, odd] })).length, 0, JSON.stringify(odd));
    assert.equal((await loadedOf('served', { ports: [...ports, odd] })).length, 4, JSON.stringify(odd));
  }
});

test('of the endpoints of a dead node each valid address is avoided, once, in the table of its family', async () => {
  const node = new Gathering();
  try {
    const [service, other] = ['web', 'other'].map((name) => rawService(name, []));
    assert.ok(service && other);
    const dead = { nodeName: 'n2', conditions: { ready: true } };
    const endpointSlices = [
      rawSlice('a', service, {
        endpoints: [
          { ...dead, addresses: ['10.244.2.5', '10.244.2.5', 'host.example', '10.244.2.999'] },
          { ...dead, addresses: ['10.244.2.6'], conditions: { ready: false, serving: true, terminating: true } },
          { ...dead, addresses: ['10.244.2.7'], conditions: { ready: false, serving: false } },
          { addresses: ['10.244.3.8'], nodeName: 'n3' },
          { addresses: ['10.244.9.9'] },
        ],
      }),
      rawSlice('b', service, {
        endpoints: [{ ...dead, addresses: ['FD00::5', 'fd00:0::5', '::ffff:10.1.1.1'] }],
        addressType: 'IPv6',
      }),
      rawSlice('c', other, { endpoints: [{ ...dead, addresses: ['10.244.2.5'] }] }),
      rawSlice('d', other, { endpoints: [{ ...dead, addresses: ['pod.example'] }], addressType: 'FQDN' }),
      rawSlice('e', other, { endpoints: null }),
    ];
    const around = { present: ['n1', 'n3'], lost: ['n2'] };
    await node.pathOf(clusterOf({ endpointSlices }), around);
    load(wholeText(rulesetOf(await node.look(400))));
    // Kubernetes reads an IPv4 address that is mapped into IPv6 as the IPv4 address (net.ParseIP of Go).
    assert.deepEqual(elementsOf('ip', 'dead_endpoints')?.toSorted(), ['10.1.1.1', '10.244.2.5', '10.244.2.6']);
    assert.deepEqual(elementsOf('ip6', 'dead_endpoints')?.toSorted(), ['fd00::5']);
  } finally {
    node.close();
  }
});
