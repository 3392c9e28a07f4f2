/** Objects as the API server returns them, with sensible defaults. */
import type { RawAdvertisement } from '../../../src/api/advertisement.ts';
import type { RawAllocation } from '../../../src/api/allocation.ts';
import type { RawEndpointSlice } from '../../../src/api/endpoints.ts';
import type { RawNode, RawPod } from '../../../src/api/node.ts';
import type { RawService } from '../../../src/api/service.ts';

/** Fields of an object, known to the program or not. */
export type Fields = Readonly<Record<string, unknown>>;

/** The cluster's objects, of the kinds that a speaker watches. */
export interface Cluster {
  readonly services: readonly RawService[];
  readonly allocations: readonly RawAllocation[];
  readonly endpointSlices: readonly RawEndpointSlice[];
  readonly nodes: readonly RawNode[];
  readonly advertisements: readonly RawAdvertisement[];
  readonly pods: readonly RawPod[];
}

/** A cluster of three nodes with a speaker each, and one L2Advertisement. */
export function clusterOf(facts: Partial<Cluster> = {}): Cluster {
  return {
    services: [],
    allocations: [],
    endpointSlices: [],
    nodes: ['n1', 'n2', 'n3'].map((name, i) => rawNode(name, [`10.99.0.${2 + i}`, `fd99::${2 + i}`])),
    advertisements: [rawAdvertisement()],
    pods: ['n1', 'n2', 'n3'].map(rawPod),
    ...facts,
  };
}

/** A Service of type LoadBalancer with one port, which shows its addresses. */
export function rawService(
  name: string,
  addresses: readonly string[],
  { spec, metadata, status }: { readonly spec?: Fields; readonly metadata?: Fields; readonly status?: Fields } = {},
): RawService {
  const families = [...new Set(addresses.map((address) => (address.includes(':') ? 'IPv6' : 'IPv4')))];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metaOf(name, 'service'), namespace: 'default', ...metadata },
    spec: {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.9',
      clusterIPs: ['10.96.0.9'],
      ipFamilies: families,
      ipFamilyPolicy: families.length > 1 ? 'RequireDualStack' : 'SingleStack',
      externalTrafficPolicy: 'Cluster',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      allocateLoadBalancerNodePorts: true,
      selector: { app: name },
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080, nodePort: 30080 }],
      ...spec,
    },
    status: { loadBalancer: { ingress: addresses.map((ip) => ({ ip, ipMode: 'VIP' })) }, ...status },
  } as unknown as RawService;
}

/** The metadata by which a Service asks for hand-off NodePort. */
export const handedOff = { annotations: { 'berth.dev/hand-off': 'NodePort' } } as const;

/** The ledger's entry for an address and the Services that use it. */
export function rawAllocation(address: string, services: readonly RawService[], facts: Fields = {}): RawAllocation {
  const groups = (text: string) => text.split(':').filter((group) => group !== '');
  const [head = '', tail = ''] = address.split('::');
  const middle = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array.from({ length: middle }, () => '0'), ...groups(tail)];
  const name = address.includes(':') ? all.map((group) => group.padStart(4, '0')).join('-') : address;
  return {
    apiVersion: 'berth.dev/v1beta1',
    kind: 'IPAllocation',
    metadata: metaOf(name, 'allocation'),
    spec: {
      address,
      pool: 'default',
      services: services.map(({ metadata: { namespace = '', name: of, uid }, spec }) => {
        const ports = (spec.ports ?? []).map(({ protocol = 'TCP', port }) => ({ protocol, port }));
        return { namespace, name: of, uid, ports };
      }),
    },
    ...facts,
  } as unknown as RawAllocation;
}

/** A slice of a Service's endpoints, of one family. */
export function rawSlice(name: string, of: RawService, facts: Fields): RawEndpointSlice {
  const { namespace } = of.metadata;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metaOf(name, 'slice'), namespace, labels: { 'kubernetes.io/service-name': of.metadata.name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    ...facts,
  } as unknown as RawEndpointSlice;
}

/** A node with these addresses. */
export function rawNode(name: string, addresses: readonly string[], facts: Fields = {}): RawNode {
  const internal = addresses.map((address) => ({ type: 'InternalIP', address }));
  const status = { addresses: [...internal, { type: 'Hostname', address: name }] };
  return { apiVersion: 'v1', kind: 'Node', metadata: metaOf(name, 'node'), status, ...facts } as unknown as RawNode;
}

/** An L2Advertisement for every pool, node and link. */
export function rawAdvertisement(spec: Fields = {}): RawAdvertisement {
  const advertisement = {
    apiVersion: 'berth.dev/v1beta1',
    kind: 'L2Advertisement',
    metadata: metaOf('all', 'l2'),
    spec,
  };
  return advertisement as unknown as RawAdvertisement;
}

/** The Pod of a node's speaker. */
export function rawPod(node: string): RawPod {
  const status = { conditions: [{ type: 'Ready', status: 'True' }] };
  return {
    metadata: { ...metaOf(`speaker-${node}`, 'pod'), namespace: 'berth-system' },
    spec: { nodeName: node },
    status,
  };
}

function metaOf(name: string, kind: string): RawService['metadata'] {
  return { name, uid: `${kind}-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
}
