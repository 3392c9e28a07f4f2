/**
 * After a change of the rules the kernel has the same tables as after a full load. The kernel
 * applies a change as a whole or not at all.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import { changeText, tableName, wholeText } from '../../src/dataplane/nft/ruleset.ts';
import { slotsOf } from '../../src/dataplane/plan/slots.ts';
import type { DataPath, PortPath } from '../../src/dataplane/plan/spec.ts';
import { rulesetOf } from '../../src/dataplane/rules/desired.ts';
import { fc } from '../property.ts';
import { createPair, linkName, type Pair, run } from './namespaces.ts';
import { loadPath, nftIn, pathOf, vipPath, vips } from './path-lab.ts';

let pair: Pair;
before(() => {
  pair = createPair();
});
after(() => pair?.close());

/** Every run starts nft several times. */
const runs = Number(process.env.BERTH_NFT_RUNS ?? 30);

interface Listed {
  readonly family?: string;
  readonly table?: string;
  readonly chain?: string;
  readonly name?: string;
}

/** Lines to compare: rules in their order, other lines sorted, without counters and times. */
function listing(): readonly string[] {
  const text = run(pair.node, 'nft', '--json', '--stateless', 'list', 'ruleset');
  const { nftables } = JSON.parse(text) as { nftables: readonly Record<string, Listed>[] };
  const plain = (key: string, value: unknown) => {
    if (key === 'handle' || key === 'expires' || key === 'metainfo') return undefined;
    if (key !== 'elem' || !Array.isArray(value)) return value;
    return value.map((element) => JSON.stringify(element, plain)).sort();
  };
  const placeOf = (one: Record<string, Listed>) => {
    const [[kind, { family, table, chain, name }] = ['', {} as Listed]] = Object.entries(one);
    return [kind, family, table, chain ?? name].join(' ');
  };
  const placed = nftables.map((one) => [placeOf(one), JSON.stringify(one, plain)] as const);
  return placed.sort(([one], [other]) => (one < other ? -1 : Number(one > other))).map(([, line]) => line);
}

const octet = fc.integer({ min: 1, max: 4 });
const vip = fc.oneof(
  octet.map((last) => `10.99.3.${last}` as Ip),
  octet.map((last) => `fd99::30${last}` as Ip),
);
const isV6 = (address: string) => address.includes(':');
const sourcesOf = (address: string) =>
  isV6(address) ? ['fd00::/16', 'fd99::1-fd99::7'] : ['10.0.0.0/8', '192.0.2.1-192.0.2.9'];

/** A VIP with a few ports. Node ports follow from the VIP, because a node port belongs to one Service. */
const vipArbitrary = fc
  .record({
    address: vip,
    ports: fc.uniqueArray(
      fc.record({
        protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const),
        port: fc.constantFrom(53, 80, 443),
        handed: fc.boolean(),
        guard: fc.constantFrom('open', 'closed', 'some'),
      }),
      { selector: ({ protocol, port }) => `${protocol}/${port}`, maxLength: 3 },
    ),
  })
  .map(({ address, ports }) => ({
    address,
    ports: ports.map(({ protocol, port, handed, guard }): PortPath => {
      const nodePort = handed && protocol !== 'sctp' ? 30_000 + Number(address.at(-1)) * 1_000 + port : undefined;
      const sources = guard === 'open' ? undefined : guard === 'closed' ? [] : sourcesOf(address);
      return {
        protocol,
        port,
        nodePort,
        sources,
        sticky: port === 53,
        local: undefined,
        vacant: guard === 'closed' && port === 443,
      };
    }),
  }));

const neighbor = octet.chain((last) =>
  vip.map((address) => ({
    vip: address,
    to: {
      node: `n${last}`,
      address: (isV6(address) ? `fd99::1${last}` : `10.99.0.1${last}`) as Ip,
      mac: `02:00:00:00:01:0${last}`,
      link: linkName,
    },
  })),
);

const peerOf = (node: string, of: Ip) => ({
  node,
  address: (isV6(of) ? `fd99::1${node.at(-1)}` : `10.99.0.1${node.at(-1)}`) as Ip,
  mac: `02:00:00:00:01:0${node.at(-1)}`,
  link: linkName,
});

/** Tables of slots: the first two replace each other, with the loss of a node. */
const tables = (['n1 n2 n3', 'n1 n2', 'n2 n3'] as const).map((nodes, i) => {
  const members = nodes.split(' ').map((node) => ({ node, weight: 1 }));
  return { name: i < 2 ? 'pool' : 'other', key: nodes, slots: slotsOf(members, [{ node: 'n4', weight: 1 }]) };
});

const pathArbitrary: fc.Arbitrary<DataPath> = fc
  .record({
    nodeAddresses: fc.constantFrom({ IPv4: '10.99.0.2' as Ip, IPv6: 'fd99::2' as Ip }, { IPv4: '10.99.0.2' as Ip }, {}),
    vips: fc.uniqueArray(vipArbitrary, { selector: ({ address }) => address, maxLength: 5 }),
    links: fc.constantFrom(
      [],
      [{ name: linkName, addresses: ['10.99.0.2' as Ip], hasVips: true }],
      [{ name: linkName, addresses: ['fe80::1', '10.99.0.2', 'fd99::2'] as Ip[], hasVips: false }],
    ),
    deadEndpoints: fc.uniqueArray(vip, { maxLength: 4 }),
    synLimit: fc.constantFrom(undefined, undefined, 5, 100),
    zone: fc.constantFrom(7932, 7932, 1),
    chances: fc.uniqueArray(neighbor, { selector: ({ vip: of }) => of, maxLength: 3 }),
    peerMacs: fc.uniqueArray(fc.constantFrom('02:00:00:00:01:01', '02:00:00:00:01:02'), { maxLength: 2 }),
    table: fc.constantFrom(...tables),
    spreads: fc.boolean(),
  })
  .map(({ table, spreads, ...path }) => {
    const spread = path.vips.flatMap(({ address, ports }) =>
      ports.length === 0 ? [] : [{ vip: address, link: linkName, ports: ports.map((port) => ({ ...port, table })) }],
    );
    const wish = spreads ? { spread, spreadLinks: [linkName] } : { spread: [], spreadLinks: [] };
    return { ...path, ...wish, self: 'n1', neighborFor: (node, of) => peerOf(node, of) };
  });

test('a change of the rules leads to the same tables as loading all of them', () => {
  fc.assert(
    fc.property(pathArbitrary, pathArbitrary, (first, second) => {
      const [before, then] = [rulesetOf(first), rulesetOf(second)];
      nftIn(pair.node, wholeText(before));
      nftIn(pair.node, changeText(before, then));
      const changed = listing();
      nftIn(pair.node, `flush ruleset\n${wholeText(then)}`);
      assert.deepEqual(changed, listing());
    }),
    { numRuns: runs, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
  );
});

test('a change of the rules is one transaction: a wrong line leaves everything as it was', () => {
  const [before, then] = [pathOf({ vips: [vipPath(vips.IPv4, 'tcp/80>30080')] }), pathOf({ vips: [] })].map(rulesetOf);
  assert.ok(before && then);
  nftIn(pair.node, `flush ruleset\n${wholeText(before)}`);
  const was = listing();
  // Names and types are right: only the kernel refuses it, after all other commands.
  const wrong = `add rule ip ${tableName} watch jump watch\n`;
  for (const text of [changeText(before, then), wholeText(then)]) {
    assert.throws(() => nftIn(pair.node, `${text}${wrong}`));
    assert.deepEqual(listing(), was);
  }
});

test('other programs can list our tables, and load the listing', () => {
  loadPath(
    pair.node,
    pathOf({ vips: Object.values(vips).map((one) => vipPath(one, 'tcp/80>30080', 'udp/53')), synLimit: 9 }),
  );
  const was = listing();
  const text = nftIn(pair.node, 'list ruleset\n', '--stateless').replaceAll(/ expires \w+/g, '');
  nftIn(pair.node, `flush ruleset\n${text}`);
  assert.deepEqual(listing(), was);
});
