/** Views with sensible values, for tests that care about a few of them. */
import { allocationName, type Ip, ipToNumber } from '../../src/addr/ip.ts';
import type { AdvertisementView } from '../../src/api/advertisement.ts';
import type { AllocationView } from '../../src/api/allocation.ts';
import type { NodeView } from '../../src/api/node.ts';
import { type PoolView, parsePool } from '../../src/api/pool.ts';
import type { ServiceView } from '../../src/api/service.ts';

/** A Service of type LoadBalancer in namespace `default`, uid `uid-NAME`. */
export function service(name: string, facts: Partial<ServiceView> = {}): ServiceView {
  return {
    name,
    namespace: 'default',
    key: `default/${name}`,
    uid: `uid-${name}`,
    resourceVersion: '1',
    created: '2026-01-01T00:00:00Z',
    isLoadBalancer: true,
    class: undefined,
    requests: [],
    families: ['IPv4'],
    familyPolicy: 'SingleStack',
    local: false,
    ingress: [],
    ingressWriters: [],
    conditions: [],
    ...facts,
  };
}

/** A pool with these addresses. */
export function pool(name: string, addresses: readonly string[], facts: Partial<PoolView> = {}): PoolView {
  const view = parsePool({ metadata: { name, uid: `uid-${name}`, resourceVersion: '1' }, spec: { addresses } });
  return { ...view, ...facts };
}

/** The ledger's entry that binds an address to a Service. */
export function entry(address: string, to: ServiceView, poolName = 'p'): AllocationView {
  const ip = address as Ip;
  return {
    name: allocationName(ip),
    uid: `uid-${address}`,
    resourceVersion: '1',
    address: ip,
    value: ipToNumber(ip),
    pool: poolName,
    services: [{ namespace: to.namespace, name: to.name, uid: to.uid }],
  };
}

/** A node. */
export function node(name: string, facts: Partial<NodeView> = {}): NodeView {
  return { name, uid: `uid-${name}`, resourceVersion: '1', labels: {}, excluded: false, ...facts };
}

/** An advertisement; without facts it covers everything. */
export function advertisement(facts: Partial<AdvertisementView> = {}): AdvertisementView {
  return { name: 'a', uid: 'uid-a', resourceVersion: '1', pools: [], nodeSelectors: [], interfaces: [], ...facts };
}
