/** The path of every VIP's packets, from the ledger and the Services. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AllocationView } from '../../../../src/api/allocation.ts';
import type { HandOff } from '../../../../src/api/hand-off.ts';
import type { ServiceView } from '../../../../src/api/service.ts';
import { parseSourceRanges } from '../../../../src/api/source-ranges.ts';
import type { PortPath } from '../../../../src/dataplane/plan/spec.ts';
import { VipPathReader } from '../../../../src/dataplane/plan/vip-paths.ts';
import { entry, refTo, service } from '../../fixtures.ts';

const vip = '192.0.2.1';

/** Reads the paths of these entries and Services. */
function read(
  reader: VipPathReader,
  world: { readonly ledger: readonly AllocationView[]; readonly services: readonly ServiceView[] },
  { now = 0, handOff = 'KubeProxy' as HandOff } = {},
) {
  const service = (uid: string) => world.services.find((one) => one.uid === uid);
  return reader.read({ ledger: world.ledger, service, handOff, now, isServed: () => true });
}

/** The ports of the only VIP of a Service. */
function portsOf(svc: ServiceView, handOff: HandOff = 'KubeProxy', address = vip): readonly PortPath[] | undefined {
  const paths = read(new VipPathReader(), { ledger: [entry(address, svc)], services: [svc] }, { handOff });
  return paths[0]?.ports;
}

const tcp = (nodePort?: number, sources?: readonly string[]): PortPath => {
  return { protocol: 'tcp', port: 80, nodePort, sources, sticky: false, local: undefined, vacant: false };
};

test('packets are rewritten if the hand-off is NodePort, or if the status still shows it', () => {
  const rows: readonly [string, Partial<ServiceView>, HandOff, number | undefined][] = [
    ['kube-proxy serves the VIP', {}, 'KubeProxy', undefined],
    ['by request', { handOff: 'NodePort' }, 'KubeProxy', 30_080],
    ['by default', {}, 'NodePort', 30_080],
    ['by request, without a node port', { handOff: 'NodePort', nodePorts: [0] }, 'KubeProxy', undefined],
    ['the status tells kube-proxy not to serve it', { ingress: [{ ip: vip, ipMode: 'Proxy' }] }, 'KubeProxy', 30_080],
    ['the status tells kube-proxy to serve it', { ingress: [{ ip: vip, ipMode: 'VIP' }] }, 'NodePort', 30_080],
  ];
  for (const [desc, facts, handOff, nodePort] of rows) {
    assert.deepEqual(portsOf(service('s', facts), handOff), [tcp(nodePort)], desc);
  }
});

test('a port of a shared address stays with the Service that the entry records it for', () => {
  const of = (name: string, port: number, nodePort: number) =>
    service(name, { handOff: 'NodePort', ports: [{ protocol: 'TCP', port }], nodePorts: [nodePort] });
  const [a, b] = [of('a', 80, 30_080), of('b', 443, 30_443)];
  const both = entry(vip, a, { services: [a, b].map(refTo) });
  const rows: readonly [string, readonly ServiceView[], readonly string[]][] = [
    ['nothing has changed', [a, b], ['80 30080', '443 30443']],
    ['a takes the port of b', [of('a', 443, 30_080), b], ['443 30443']],
    ['b has given it up', [of('a', 443, 30_080), of('b', 25, 30_443)], ['443 30080', '25 30443']],
    ['b is gone', [of('a', 443, 30_080)], ['443 30080']],
    ['both take another port', [of('a', 25, 30_080), of('b', 25, 30_443)], ['25 30080']],
  ];
  for (const [desc, services, expected] of rows) {
    const [path] = read(new VipPathReader(), { ledger: [both], services });
    assert.deepEqual(
      path?.ports.map(({ port, nodePort }) => `${port} ${nodePort}`),
      expected,
      desc,
    );
  }
});

test('while a Service with too many source ranges is still rewritten, no client is admitted', () => {
  const sourceRanges = Array.from({ length: 10_001 }, (_, i) => {
    return { family: 'IPv4', first: BigInt(2 * i), last: BigInt(2 * i) } as const;
  });
  assert.deepEqual(portsOf(service('s', { sourceRanges, ingress: [{ ip: vip, ipMode: 'Proxy' }] })), [tcp(30_080, [])]);
});

test('the ranges of a Service that is left to kube-proxy, because its namespace has too many, are loaded on no node', () => {
  const svc = service('s', {
    ...{ handOff: 'NodePort', ingress: [{ ip: vip, ipMode: 'Proxy' }] },
    ...parseSourceRanges(['10.0.0.0/8']),
  });
  const reader = new VipPathReader();
  const ledger = [entry(vip, svc)];
  const facts = { ledger, service: () => svc, handOff: 'KubeProxy', isServed: () => true, now: 0 } as const;
  const sourcesOf = (crowded: ReadonlySet<string>) => reader.read({ ...facts, crowded })[0]?.ports[0]?.sources;
  assert.deepEqual(sourcesOf(new Set()), ['10.0.0.0/8']);
  assert.deepEqual(sourcesOf(new Set([svc.uid])), []);
  assert.deepEqual(sourcesOf(new Set()), ['10.0.0.0/8']);
});

test('the ports are those of the Service, and SCTP is never rewritten', () => {
  const ports = [
    { protocol: 'TCP', port: 80 },
    { protocol: 'UDP', port: 53 },
    { protocol: 'SCTP', port: 5000 },
  ];
  // The status still shows the rewritten path from before the SCTP port was added.
  const ingress = [{ ip: vip, ipMode: 'Proxy' }];
  const found = portsOf(service('s', { ports, nodePorts: [30_080, 30_053, 30_500], ingress }));
  assert.deepEqual(found, [
    tcp(30_080),
    { protocol: 'udp', port: 53, nodePort: 30_053, sources: undefined, sticky: false, local: undefined, vacant: false },
    {
      protocol: 'sctp',
      port: 5000,
      nodePort: undefined,
      sources: undefined,
      sticky: false,
      local: undefined,
      vacant: false,
    },
  ]);
});

test("source ranges of the VIP's family count: if all ranges are of the other family, every client is admitted", () => {
  const svc = (...texts: readonly string[]) => service('s', { handOff: 'NodePort', ...parseSourceRanges(texts) });
  const rows: readonly [string, readonly string[], string, readonly string[] | undefined][] = [
    ['no ranges', [], vip, undefined],
    ['ranges of both families, VIP of IPv4', ['10.0.0.0/8', '2001:db8::/32'], vip, ['10.0.0.0/8']],
    ['ranges of both families, VIP of IPv6', ['10.0.0.0/8', '2001:db8::/32'], '2001:db8::1', ['2001:db8::/32']],
    ['ranges of the other family only', ['2001:db8::/32'], vip, undefined],
    ['overlapping ranges', ['10.1.0.0/16', '10.0.0.0/8', '10.0.0.0/8'], vip, ['10.0.0.0/8']],
    ['ranges that touch', ['11.0.0.0/8', '12.0.0.0/8'], vip, ['11.0.0.0-12.255.255.255']],
    ['all addresses', ['10.0.0.0/8', '0.0.0.0/0'], vip, undefined],
  ];
  for (const [desc, texts, address, sources] of rows) {
    assert.deepEqual(portsOf(svc(...texts), 'KubeProxy', address), [tcp(30_080, sources)], desc);
  }
});

test('each Service that shares a VIP has its own hand-off', () => {
  const one = service('one', { handOff: 'NodePort' });
  const two = service('two', { ports: [{ protocol: 'UDP', port: 53 }], nodePorts: [30_053] });
  const shared = entry(vip, one);
  const both = [shared, entry(vip, two)].flatMap(({ services }) => services);
  const paths = read(new VipPathReader(), { ledger: [{ ...shared, services: both }], services: [one, two] });
  assert.deepEqual(paths, [
    {
      address: vip,
      ports: [
        tcp(30_080),
        {
          protocol: 'udp',
          port: 53,
          nodePort: undefined,
          sources: undefined,
          sticky: false,
          local: undefined,
          vacant: false,
        },
      ],
    },
  ]);
});

test('an address without a Service of type LoadBalancer has no path', () => {
  const gone = entry(vip, service('gone'));
  const other = service('other', { isLoadBalancer: false });
  const paths = read(new VipPathReader(), { ledger: [gone, entry('192.0.2.2', other)], services: [other] });
  assert.deepEqual(paths, []);
});

test('an unchanged path is the same object', () => {
  const reader = new VipPathReader();
  const [svc, other] = [service('s', { handOff: 'NodePort' }), service('o')];
  const ledger = [entry(vip, svc), entry('192.0.2.2', other)];
  const before = read(reader, { ledger, services: [svc, other] });
  const after = read(reader, { ledger, services: [svc, { ...other }] }, { now: 5 });
  assert.equal(after[0], before[0]);
  assert.notEqual(after[1], before[1]);
  const turned = read(reader, { ledger, services: [svc, other] }, { now: 5, handOff: 'NodePort' });
  assert.equal(turned[0], before[0]);
  assert.equal(turned[1]?.ports[0]?.nodePort, 30_080);
});
