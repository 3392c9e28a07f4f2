/** The way of every VIP's packets, from the ledger and the Services. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type IpRange, isRange, parseRange } from '../../../../src/addr/range.ts';
import type { AllocationView } from '../../../../src/api/allocation.ts';
import type { HandOff } from '../../../../src/api/hand-off.ts';
import type { ServiceView } from '../../../../src/api/service.ts';
import type { PortPath } from '../../../../src/dataplane/plan/spec.ts';
import { VipPathReader } from '../../../../src/dataplane/plan/vip-paths.ts';
import { entry, service } from '../../fixtures.ts';

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

const ranges = (...texts: readonly string[]) => texts.map(parseRange).filter(isRange) as readonly IpRange[];
const tcp = (nodePort?: number, sources?: readonly string[]): PortPath => {
  return { protocol: 'tcp', port: 80, nodePort, sources, sticky: false, local: undefined, vacant: false };
};

test('packets are rewritten where the hand-off is NodePort, and where the status still says so', () => {
  const rows: readonly [string, Partial<ServiceView>, HandOff, number | undefined][] = [
    ['kube-proxy serves it', {}, 'KubeProxy', undefined],
    ['asked for', { handOff: 'NodePort' }, 'KubeProxy', 30_080],
    ['by default', {}, 'NodePort', 30_080],
    ['asked for, and no node port', { handOff: 'NodePort', nodePorts: [0] }, 'KubeProxy', undefined],
    ['kube-proxy was told that it is not its own', { ingress: [{ ip: vip, ipMode: 'Proxy' }] }, 'KubeProxy', 30_080],
    ['kube-proxy was told that it is its own', { ingress: [{ ip: vip, ipMode: 'VIP' }] }, 'NodePort', 30_080],
  ];
  for (const [desc, facts, handOff, nodePort] of rows) {
    assert.deepEqual(portsOf(service('s', facts), handOff), [tcp(nodePort)], desc);
  }
});

test('ports are those of the Service, SCTP is never rewritten', () => {
  const ports = [
    { protocol: 'TCP', port: 80 },
    { protocol: 'UDP', port: 53 },
    { protocol: 'SCTP', port: 5000 },
  ];
  // Still shown as rewritten from before the port of SCTP was added.
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

test('source ranges are those of the VIP’s family: with none of it, nobody may', () => {
  const svc = (...texts: readonly string[]) => service('s', { handOff: 'NodePort', sourceRanges: ranges(...texts) });
  const rows: readonly [string, readonly string[], string, readonly string[] | undefined][] = [
    ['none', [], vip, undefined],
    ['of this family', ['10.0.0.0/8', '2001:db8::/32'], vip, ['10.0.0.0/8']],
    ['of the other', ['10.0.0.0/8', '2001:db8::/32'], '2001:db8::1', ['2001:db8::/32']],
    ['only of the other', ['2001:db8::/32'], vip, []],
  ];
  for (const [desc, texts, address, sources] of rows) {
    assert.deepEqual(portsOf(svc(...texts), 'KubeProxy', address), [tcp(30_080, sources)], desc);
  }
});

test('Services that share a VIP have each its own hand-off', () => {
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

test('what is bound to no Service of type LoadBalancer has no path', () => {
  const gone = entry(vip, service('gone'));
  const other = service('other', { isLoadBalancer: false });
  const paths = read(new VipPathReader(), { ledger: [gone, entry('192.0.2.2', other)], services: [other] });
  assert.deepEqual(paths, []);
});

test('a path that has not changed is the same object', () => {
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
