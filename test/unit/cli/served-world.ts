/** A healthy cluster with three nodes and one Service, as an API server serves it; each test changes a part. */
import type { SpeakerStatus } from '../../../src/api/speaker-status.ts';
import { statusOf } from './evaluations.ts';
import { bare, installation, type RawObject, rawNode, type ServedCluster, together } from './served-cluster.ts';

const berth = '/apis/berth.dev/v1beta1';

/** The paths that list each kind. */
export const paths = {
  services: '/api/v1/services',
  nodes: '/api/v1/nodes',
  pods: '/api/v1/pods',
  configMaps: '/api/v1/configmaps',
  slices: '/apis/discovery.k8s.io/v1/endpointslices',
  deployments: '/apis/apps/v1/deployments',
  daemonSets: '/apis/apps/v1/daemonsets',
  serviceCidrs: '/apis/networking.k8s.io/v1/servicecidrs',
  bindings: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
  pools: `${berth}/ipaddresspools`,
  advertisements: `${berth}/l2advertisements`,
  allocations: `${berth}/ipallocations`,
} as const;

const at = '2026-01-01T00:00:00Z';

/** The metadata of an object. */
export function meta(name: string, more: object = {}): RawObject['metadata'] {
  return { name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: at, ...more };
}

interface ServiceFacts {
  readonly shows?: readonly string[];
  readonly spec?: object;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The program that wrote the status. */
  readonly manager?: string;
}

/** A Service of type LoadBalancer in the namespace default. */
export function service(name: string, facts: ServiceFacts = {}): RawObject {
  const { shows = [], spec = {}, annotations = {}, manager = 'berth-controller' } = facts;
  const fieldsV1 = { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } };
  const managedFields = shows.length === 0 ? [] : [{ manager, operation: 'Apply', subresource: 'status', fieldsV1 }];
  return {
    metadata: meta(name, { namespace: 'default', annotations, managedFields }),
    spec: { type: 'LoadBalancer', ipFamilies: ['IPv4'], ports: [{ port: 80, nodePort: 30_080 }], ...spec },
    status: { loadBalancer: { ingress: shows.map((ip) => ({ ip, ipMode: 'VIP' })) } },
  };
}

/** A condition that says why, or that all is well if there is no reason. */
export function condition(type: string, reason?: string): object {
  const status = reason === undefined ? 'True' : 'False';
  return { type, status, reason: reason ?? type, message: `message of ${type}`, lastTransitionTime: at };
}

interface EntryFacts {
  readonly holder?: string;
  readonly conditions?: readonly object[];
  readonly spec?: object;
}

/** The ledger's entry for an address of the Service web, which node n1 announces. */
export function entry(address: string, facts: EntryFacts = {}): RawObject {
  const { holder = 'n1', conditions = [condition('Announced'), condition('Verified')], spec = {} } = facts;
  const name = address.includes(':') ? '2001-0db8-0000-0000-0000-0000-0000-0010' : address;
  const services = [{ namespace: 'default', name: 'web', uid: 'uid-web', ports: [] }];
  const recorded = { node: holder, term: 1, since: at, links: [{ name: 'eth0', mac: '02:00:00:00:00:01' }] };
  return {
    metadata: meta(name),
    spec: { address, pool: 'p', services, ...spec },
    status: { holder: recorded, conditions },
  };
}

/** The ready endpoints of the Service web on these nodes. */
export function slice(address: string, ...nodes: readonly string[]): RawObject {
  const labels = { 'kubernetes.io/service-name': 'web' };
  return {
    metadata: meta(`web-${address}`, { namespace: 'default', labels }),
    ...{ endpoints: nodes.map((nodeName) => ({ addresses: [address], nodeName, conditions: { ready: true } })) },
  };
}

/** An IPAddressPool. */
export function pool(name: string, addresses: readonly string[], spec: object = {}): RawObject {
  return { metadata: meta(name), spec: { addresses, ...spec } };
}

/** An L2Advertisement. */
export function advertisement(spec: object): RawObject {
  return { metadata: meta('a'), spec };
}

/** The status of a healthy speaker. */
export function healthy(node: string, facts: Partial<SpeakerStatus> = {}): SpeakerStatus {
  const nodeFacts = {
    ...{ kernel: '6.1.0', nft: '1.0.9', forwarding: { ipv4: true, ipv6: true }, allLinks: { rpFilter: 0 } },
    ...{ links: {}, defaultLinks: { ipv4: ['eth0'], ipv6: [] }, programs: [] },
  };
  return statusOf(node, { facts: nodeFacts as SpeakerStatus['facts'] & object, ...facts });
}

const everyNode = ['n1', 'n2', 'n3'];

/** The objects of the healthy cluster. */
export const healthyObjects: ServedCluster['objects'] = {
  ...together(bare, installation('berth-system', { nodes: everyNode })),
  [paths.nodes]: everyNode.map((name, i) => rawNode(name, `192.0.2.10${i + 1}`)),
  [paths.services]: [service('web', { shows: ['192.0.2.10'] })],
  [paths.allocations]: [entry('192.0.2.10')],
  [paths.slices]: [slice('10.0.0.1', 'n1', 'n2')],
  [paths.serviceCidrs]: [{ metadata: meta('kubernetes'), spec: { cidrs: ['10.96.0.0/16'] } }],
  [paths.bindings]: [{ metadata: meta('b'), spec: { policyName: 'berth-holders.berth.dev' } }],
  [paths.configMaps]: [
    { metadata: meta('kube-proxy', { namespace: 'kube-system' }), ...{ data: { 'config.conf': 'mode: iptables\n' } } },
  ],
};

/** The healthy cluster with other lists. */
export function cluster(
  objects: ServedCluster['objects'] = {},
  more: Omit<Partial<ServedCluster>, 'objects'> = {},
): ServedCluster {
  return { objects: { ...healthyObjects, ...objects }, speakers: (node) => healthy(node), ...more };
}
