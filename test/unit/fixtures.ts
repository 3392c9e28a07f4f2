/** Views with sensible defaults, for tests that need only a few fields. */
import { allocationName, type Ip, ipToNumber } from '../../src/addr/ip.ts';
import type { AdvertisementView } from '../../src/api/advertisement.ts';
import type { AllocationView } from '../../src/api/allocation.ts';
import type { ServiceRef } from '../../src/api/entry-fields.ts';
import type { NamespaceView } from '../../src/api/namespace.ts';
import type { NodeView } from '../../src/api/node.ts';
import { type PoolView, parsePool } from '../../src/api/pool.ts';
import { backendsOf, type IngressWriter, type ServiceView } from '../../src/api/service.ts';
import type { Ownership } from '../../src/ipam/ownership.ts';

/** A Service of type LoadBalancer in namespace `default`, uid `uid-NAME`. */
export function service(name: string, facts: Partial<ServiceView> = {}): ServiceView {
  return {
    name,
    namespace: 'default',
    key: `default/${name}`,
    uid: `uid-${name}`,
    resourceVersion: '1',
    created: '2026-01-01T00:00:00Z',
    labels: {},
    isLoadBalancer: true,
    class: undefined,
    requests: [],
    requestedPools: [],
    sharingKey: undefined,
    ports: [{ protocol: 'TCP', port: 80 }],
    nodePorts: [30080],
    handOff: undefined,
    takeOver: false,
    unclearTakeOver: undefined,
    sticky: false,
    families: ['IPv4'],
    familyPolicy: 'SingleStack',
    local: false,
    sourceRanges: [],
    unreadableRanges: [],
    selector: '[]',
    servesUnready: false,
    ingress: [],
    ingressWriters: [],
    conditions: [],
    ...facts,
  };
}

/** A Service of type LoadBalancer in another namespace, uid `uid-NAMESPACE-NAME`. */
export function serviceIn(namespaceName: string, name: string, facts: Partial<ServiceView> = {}): ServiceView {
  const key = `${namespaceName}/${name}`;
  return service(name, { namespace: namespaceName, key, uid: `uid-${namespaceName}-${name}`, ...facts });
}

/** A pool with these addresses. */
export function pool(name: string, addresses: readonly string[], facts: Partial<PoolView> = {}): PoolView {
  const view = parsePool({ metadata: { name, uid: `uid-${name}`, resourceVersion: '1' }, spec: { addresses } });
  return { ...view, ...facts };
}

/** What an entry records about a Service that asks for no pool. */
export function refTo(to: ServiceView): ServiceRef {
  const { namespace: within, name, uid, ports, sharingKey } = to;
  return { namespace: within, name, uid, ports, ...(sharingKey && { backends: backendsOf(to) }) };
}

/** The ledger entry that binds an address to a Service. `facts` replaces fields. */
export function entry(
  address: string,
  to: ServiceView,
  { pool: poolName = 'p', ...facts }: Partial<AllocationView> = {},
): AllocationView {
  const ip = address as Ip;
  return {
    name: allocationName(ip),
    uid: `uid-${address}`,
    resourceVersion: '1',
    created: '2026-01-01T00:00:00Z',
    address: ip,
    value: ipToNumber(ip),
    pool: poolName,
    services: [refTo(to)],
    sharingKey: undefined,
    reservedUntil: undefined,
    formerNamespaces: [],
    ending: false,
    adopted: false,
    quarantine: undefined,
    moveTo: undefined,
    renumber: false,
    recorded: undefined,
    conflict: undefined,
    conditions: [],
    fault: undefined,
    ...facts,
  };
}

/** A node. */
export function node(name: string, facts: Partial<NodeView> = {}): NodeView {
  return {
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    labels: {},
    excluded: false,
    addresses: [],
    internalAddresses: [],
    draining: false,
    ...facts,
  };
}

/** An advertisement. Without facts it covers everything. */
export function advertisement(facts: Partial<AdvertisementView> = {}): AdvertisementView {
  return {
    name: 'a',
    uid: 'uid-a',
    resourceVersion: '1',
    pools: [],
    nodeSelectors: [],
    interfaces: [],
    distribution: 'Single',
    endingSince: undefined,
    ...facts,
  };
}

/** A namespace with these labels. */
export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): NamespaceView {
  return { name, uid: `uid-${name}`, resourceVersion: '1', labels };
}

/** Ownership of an installation that serves Services without a class. */
export const ownership: Ownership = {
  classes: ['berth.dev/berth'],
  withoutClass: true,
  takeOver: false,
  writer: 'berth-controller',
};

/** A program that wrote a Service's ingress. */
export function writer(manager: string, at = 0): IngressWriter {
  return { manager, at };
}
