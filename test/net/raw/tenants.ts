/** Random Services and their objects, with every field that the API server accepts and a user may set. */

import type { RawService } from '../../../src/api/service.ts';
import { fc } from '../../property.ts';
import { type Cluster, type Fields, rawService, rawSlice } from './objects.ts';

/** A Service, and all objects that belong to it. */
export interface Tenant {
  readonly service: RawService;
  readonly addresses: readonly string[];
  /** Whether the Service also uses its neighbor's IPv4 address, with other ports. */
  readonly shares: boolean;
  readonly slices: Cluster['endpointSlices'];
  readonly allocationStatus: Fields;
}

const n253 = `${'n'.repeat(63)}.`.repeat(3) + 'n'.repeat(61);
const nodeNames = ['n1', 'n2', 'n2', 'n2', 'n3', 'gone', n253];

/** Keywords of nft and of other languages, as valid names. */
const name = fc.constantFrom(
  'web',
  'drop',
  'accept',
  'table',
  'xn--bcher-kva',
  'a'.repeat(63),
  'elements',
  'goto-0x0a',
);
/** Text that a user, or an attacker, may write into any text field. */
const text = fc.constantFrom(
  '',
  ' ',
  'NodePort',
  '} }\nflush ruleset\n#',
  '"; add table ip evil; "',
  '$(reboot)',
  'ü\u0000',
  '@vips',
);
const odd = {
  annotations: fc.dictionary(fc.constantFrom('note', 'berth.dev/drain', 'berth.dev/unknown'), text, { maxKeys: 2 }),
};

const handOff = fc.constantFrom(
  undefined,
  'NodePort',
  'NodePort',
  'NodePort',
  'KubeProxy',
  'nodeport',
  '"; flush ruleset',
);

/** Lists of ranges that do not overlap. */
const ranges = fc.constantFrom(
  undefined,
  [],
  ['10.0.0.0/8'],
  ['10.0.0.0/9', '10.128.0.0/9'],
  ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/17'],
  [' 192.0.2.0/24 ', '2001:db8::/32'],
  ['192.0.2.77/24', '198.51.100.1/32'],
  ['2001:DB8:0:0::/64'],
  ['0.0.0.0/0'],
  ['0.0.0.0/0', '::/0'],
  ['255.255.255.255/32', '0.0.0.0/32'],
  ['010.000.0.0/8'],
  ['::ffff:10.0.0.0/104', 'fe80::/10'],
);

const portNumbers = fc.uniqueArray(fc.constantFrom(1, 53, 80, 443, 65_535), { minLength: 1, maxLength: 3 });

/** Ports of a Service. The number of the tenant makes its node ports unique. */
function portsOf(tenant: number) {
  const port = fc.record({
    protocol: fc.constantFrom('TCP', 'TCP', 'UDP', 'SCTP', undefined),
    name: fc.constantFrom(undefined, 'http', 'a-1', '0x10'),
    targetPort: fc.constantFrom(8080, 'http', undefined),
    appProtocol: fc.constantFrom(undefined, 'kubernetes.io/h2c', 'https'),
    bare: fc.constantFrom(false, false, false, true),
  });
  return fc
    .tuple(portNumbers, fc.array(port, { minLength: 3, maxLength: 3 }), fc.boolean())
    .map(([numbers, facts, same]) => {
      const named = numbers.map((number, i) => {
        const { bare, ...rest } = facts[i] ?? assertNever();
        // Two protocols may share one node port.
        const nodePort = 30_000 + tenant * 10 + i;
        return { ...rest, port: number, ...(!bare && { nodePort }) };
      });
      const [first] = named;
      const twice = same && first && { ...first, protocol: first.protocol === 'UDP' ? 'TCP' : 'UDP' };
      return twice ? [...named, twice] : named;
    });
}

function assertNever(): never {
  throw new Error('there are as many facts as ports');
}

const endpointAddress = fc.constantFrom(
  ...[
    '10.244.1.5',
    '10.244.2.6',
    '10.99.0.3',
    '010.244.001.9',
    'fd00::5',
    'FD00:0::6',
    '::ffff:10.0.0.9',
    'fe80::1',
    'host.example',
  ],
);
const endpoint = fc.record(
  {
    addresses: fc.array(endpointAddress, { minLength: 1, maxLength: 3 }),
    nodeName: fc.constantFrom(...nodeNames),
    hostname: fc.constant('pod-0'),
    zone: fc.constant('z"1'),
    hints: fc.constant({ forZones: [{ name: 'z"1' }] }),
    targetRef: fc.constant({ kind: 'Pod', name: 'p', namespace: 'default' }),
    conditions: fc.record(
      { ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean() },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['addresses'] },
);
const sliceFacts = fc.record(
  {
    addressType: fc.constantFrom('IPv4', 'IPv6', 'FQDN'),
    ports: fc.constantFrom(null, []),
    endpoints: fc.constant(null),
  },
  { requiredKeys: ['addressType'] },
);

const specFacts = fc.record(
  {
    sessionAffinity: fc.constantFrom('None', 'ClientIP'),
    sessionAffinityConfig: fc.constant({ clientIP: { timeoutSeconds: 86_400 } }),
    externalTrafficPolicy: fc.constantFrom('Cluster', 'Local'),
    internalTrafficPolicy: fc.constant('Local'),
    healthCheckNodePort: fc.constant(32_000),
    externalIPs: fc.constantFrom(['10.99.3.1'], ['198.51.100.7', 'fd00::7']),
    loadBalancerIP: fc.constantFrom('10.99.3.1', 'none of it'),
    loadBalancerClass: fc.constant('berth.dev/berth'),
    publishNotReadyAddresses: fc.boolean(),
    allocateLoadBalancerNodePorts: fc.boolean(),
    trafficDistribution: fc.constant('PreferClose'),
    selector: fc.constantFrom({ app: 'web' }, {}),
  },
  { requiredKeys: [] },
);

const allocationStatus = fc.constantFrom<Fields>(
  {},
  {},
  { status: { holder: { node: 'n2', term: 3, links: [{ name: 'eth0', mac: '02:00:00:00:00:12' }] } } },
  { status: { conflict: { mac: '02:00:00:00:00:66' }, conditions: [] } },
);

/** The families of a Service, in their order. */
const families = fc.constantFrom(['IPv4'], ['IPv6'], ['IPv4', 'IPv6'], ['IPv6', 'IPv4']);

/** The Service with this number, with its ports, ranges and endpoints. */
export function tenantOf(number: number): fc.Arbitrary<Tenant> {
  return fc
    .record({
      ...{ name, ...odd, handOff, ranges, specFacts, allocationStatus, families },
      ports: portsOf(number),
      mode: fc.constantFrom('VIP', 'VIP', 'Proxy'),
      slices: fc.array(fc.tuple(fc.array(endpoint, { maxLength: 3 }), sliceFacts), { maxLength: 2 }),
      going: fc.constantFrom(false, false, false, false, true),
      shares: number % 2 === 0 ? fc.boolean() : fc.constant(false),
    })
    .map((facts) => {
      const addresses = facts.families.map((family) => (family === 'IPv4' ? `10.99.3.${number}` : `fd99::30${number}`));
      const annotations = { ...facts.annotations, ...(facts.handOff && { 'berth.dev/hand-off': facts.handOff }) };
      const ports = facts.ports.map((one) => ({ ...one, port: facts.shares ? 2_000 + (one.port % 2_000) : one.port }));
      const service = rawService(facts.name, addresses, {
        metadata: {
          annotations,
          namespace: `ns-${number}`,
          uid: `service-${number}`,
          ...(facts.going && { deletionTimestamp: '2026-01-02T00:00:00Z' }),
        },
        spec: { ...facts.specFacts, ports, loadBalancerSourceRanges: facts.ranges },
        status: { loadBalancer: { ingress: addresses.map((ip) => ({ ip, ipMode: facts.mode })) } },
      });
      const slices = facts.slices.map(([endpoints, rest], i) =>
        rawSlice(`s-${number}-${i}`, service, { endpoints, ...rest }),
      );
      return { service, addresses, slices, shares: facts.shares, allocationStatus: facts.allocationStatus };
    });
}
