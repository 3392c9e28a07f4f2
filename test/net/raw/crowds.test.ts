/**
 * Thousands of Services with every list of source ranges, and peers with every link, as hostile as they can be: their
 * rules load into a real kernel, whole and as changes, and nothing is left out.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeText, type Ruleset, wholeText } from '../../../src/dataplane/nft/ruleset.ts';
import { rulesetOf } from '../../../src/dataplane/rules/desired.ts';
import { decodeMessage } from '../../../src/liveness/codec.ts';
import { type PeerLink, wireVersion } from '../../../src/liveness/messages.ts';
import { fc } from '../../property.ts';
import { enterNewNamespace } from '../own-namespace.ts';
import { Gathering, type Surroundings, surroundings } from './gathering.ts';
import { listing, load } from './kernel.ts';
import { type Cluster, clusterOf, rawAdvertisement, rawAllocation, rawService, rawSlice } from './objects.ts';

enterNewNamespace(['v0', 'v1']);

/** Every run loads the rules of up to two times this many Services. */
const most = Number(process.env.BERTH_NFT_CROWD ?? 1_500);
const runs = Number(process.env.BERTH_NFT_RUNS ?? 4);

/** A number of an address, in the spellings that Kubernetes accepts. */
const octet = fc.oneof(fc.constantFrom('0', '10', '127', '128', '255', '010', '000', '0010'), fc.nat(255).map(String));
const ipv4 = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.')) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('0.0.0.0', '255.255.255.255', '10.99.3.1', '::ffff:10.0.0.0', '::FFFF:10.1.0.0'),
  },
);
const ipv6 = fc.oneof(
  fc.constantFrom('::', '::1', 'fe80::', 'ff02::1', 'FD99::', 'fd99:0:0::301', '2001:db8:0000::', '::ffff:0:0'),
  fc
    .array(fc.nat(0xffff), { minLength: 8, maxLength: 8 })
    .map((words) => words.map((word) => word.toString(16)).join(':')),
);
/** Mostly networks that meet: they contain, touch or equal each other. */
const range = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(3), fc.integer({ min: 24, max: 32 })).map(([last, bits]) => `10.0.0.${last}/${bits}`),
  },
  { weight: 2, arbitrary: fc.tuple(ipv6, fc.integer({ min: 0, max: 128 })).map(([ip, bits]) => `${ip}/${bits}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', ' 10.0.0.0/8\n', '10.0.0.0', '10.0.0.0/33', '0/0', '} flush ruleset', '::/129'),
  },
);

/** A Service of the crowd. Its place among them makes its addresses and node ports unique. */
const member = fc.record({
  ranges: fc.array(range, { maxLength: 6 }),
  families: fc.constantFrom(['IPv4'], ['IPv6'], ['IPv4', 'IPv6']),
  ports: fc.uniqueArray(
    fc.record({ port: fc.constantFrom(1, 53, 80, 65_535), protocol: fc.constantFrom('TCP', 'UDP', 'SCTP') }),
    { maxLength: 3, selector: ({ port, protocol }) => `${protocol} ${port}` },
  ),
  handOff: fc.constantFrom('NodePort', 'NodePort', 'KubeProxy', '"; add table ip evil'),
  policy: fc.constantFrom('Cluster', 'Local'),
  affinity: fc.constantFrom('None', 'ClientIP'),
  endpoints: fc.array(
    fc.constantFrom('10.244.1.5', '10.244.2.6', '10.99.0.3', '::ffff:10.0.0.9', 'fd00::5', '0.0.0.0', '224.0.0.1', 'x'),
    { maxLength: 2 },
  ),
  node: fc.constantFrom('n1', 'n2', 'n3', ''),
  status: fc.constantFrom(
    {},
    {},
    { status: { conditions: [{ type: 'Conflict', status: 'True', reason: 'ForeignClaim' }] } },
  ),
  holder: fc.constantFrom(undefined, 'n1', 'n2', 'n3'),
});

/** The links that a node reports in a heartbeat, as a node with the key may send it; none if the heartbeat is refused. */
const reported = fc
  .array(
    fc.record({
      name: fc.constantFrom('eth0', 'v0', 'a.b', 'a"b', 'x y', '$(x)', 'ü', '}'),
      mac: fc.constantFrom(
        '02:00:00:00:00:12',
        '02:00:00:00:00:13',
        'ff:ff:ff:ff:ff:ff',
        '02:00:00:00:00:1',
        '}; drop',
      ),
      addresses: fc.array(
        fc.constantFrom(
          '10.99.0.3/16',
          '10.99.0.2/16',
          '10.99.3.1/16',
          '0.0.0.0/0',
          'fd99::3/64',
          '::/0',
          'fe80::1/64',
          '10.99.0.3/99',
          'x/y',
        ),
        { maxLength: 3 },
      ),
    }),
    { maxLength: 3 },
  )
  .map((links): readonly PeerLink[] => {
    const beat = decodeMessage(
      JSON.stringify({
        ...{ version: wireVersion, kind: 'Heartbeat', from: { node: 'n2', incarnation: 'a' }, sequence: 1, rules: 1 },
        ...{ to: { node: 'n1', incarnation: 'b', newest: '' }, state: 'Serving', nextMs: 100, links, heard: [] },
        ...{ ages: { loop: 0, worker: 0 }, total: { count: 0, sum: 0 }, wantsClaims: false },
      }),
    );
    return beat?.kind === 'Heartbeat' ? beat.links : [];
  });

interface Crowd {
  readonly cluster: Cluster;
  readonly around: Partial<Surroundings>;
}

const crowds: fc.Arbitrary<Crowd> = fc
  .record({
    members: fc.array(member, { maxLength: most, size: 'max' }),
    distribution: fc.constantFrom('Single', 'Spread'),
    n2: reported,
    n3: reported,
    lost: fc.constantFrom<string[]>([], ['n2'], ['n3']),
  })
  .map(({ members, distribution, n2, n3, lost }) => {
    const all = members.map((one, i) => ({ one, ...objectsOf(one, i) }));
    const present = ['n1', 'n2', 'n3'].filter((node) => !lost.includes(node));
    const holders = all.flatMap(({ one, addresses }) =>
      one.holder ? addresses.map((address) => [address, one.holder]) : [],
    );
    const peers = { n2: [...(surroundings.peers.n2 ?? []), ...n2], n3 };
    const crowd = {
      cluster: clusterOf({
        services: all.map(({ service }) => service),
        allocations: all.flatMap(({ allocations }) => allocations),
        endpointSlices: all.map(({ slice }) => slice),
        advertisements: [rawAdvertisement({ distribution })],
      }),
      around: { present, lost, peers, holders: Object.fromEntries(holders) },
    };
    // A report of thousands of Services would hide the cause.
    const shown = JSON.stringify([members.length, distribution, lost, peers, members]).slice(0, 5_000);
    return { ...crowd, [fc.toStringMethod]: () => shown };
  });

function objectsOf(
  { families, ports, ranges, handOff, policy, affinity, endpoints, node, status }: MemberOf,
  i: number,
) {
  const addresses = families.map((family) =>
    family === 'IPv4' ? `10.99.${16 + (i >> 8)}.${i & 255}` : `fd99::${(0x1000 + i).toString(16)}`,
  );
  const service = rawService(`s-${i}`, addresses, {
    metadata: { annotations: { 'berth.dev/hand-off': handOff } },
    spec: {
      ports: ports.map((port, at) => ({ ...port, nodePort: 20_000 + 4 * i + at })),
      ...{ loadBalancerSourceRanges: ranges, externalTrafficPolicy: policy, sessionAffinity: affinity },
    },
  });
  const slice = rawSlice(`e-${i}`, service, {
    endpoints: [{ addresses: endpoints, nodeName: node, conditions: { ready: true } }],
  });
  return {
    addresses,
    service,
    slice,
    allocations: addresses.map((address) => rawAllocation(address, [service], status)),
  };
}

type MemberOf = typeof member extends fc.Arbitrary<infer T> ? T : never;

test('the rules of a crowd of hostile Services and peers load, and a change leads to the same tables as a start', async (t) => {
  let services = 0;
  const property = fc.asyncProperty(crowds, crowds, async (...both) => {
    const node = new Gathering();
    try {
      let before: Ruleset | undefined;
      for (const { cluster, around } of both) {
        services = Math.max(services, cluster.services.length);
        await node.pathOf(cluster, around);
        const ruleset = rulesetOf(await node.look(400));
        load(before === undefined ? wholeText(ruleset) : changeText(before, ruleset));
        if (before !== undefined) {
          const changed = listing();
          load(`flush ruleset\n${wholeText(ruleset)}`);
          assert.deepEqual(changed, listing());
        }
        before = ruleset;
      }
    } finally {
      node.close();
    }
  });
  await fc.assert(property, { numRuns: runs, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false });
  t.diagnostic(`up to ${services} Services`);
});
