/** Clusters that are made to cost a pass as much as possible: what one namespace may create. */
import assert from 'node:assert/strict';
import type { AllocationView } from '../../../src/api/allocation.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import type { Snapshot } from '../../../src/ipam/allocate.ts';
import { entry, pool, refTo, service, serviceIn } from '../fixtures.ts';
import { showing, shownByOther } from './plans.ts';

const key = { sharingKey: 'k' };
const tcp = (...ports: readonly number[]) => ({ ports: ports.map((port) => ({ protocol: 'TCP', port })) });
/** A pool that is large enough. */
export const wide = pool('p', ['10.0.0.0/16', '2001:db8::/112']);
/** One of many addresses of that pool. */
export const address = (i: number) => `10.0.${(i >> 8) + 1}.${i & 255}`;

/** Services of one namespace. */
export function services(count: number, facts: (i: number) => Partial<ServiceView>): readonly ServiceView[] {
  return Array.from({ length: count }, (_, i) => service(`s${String(i).padStart(5, '0')}`, facts(i)));
}

/** The entries of these Services, which share each address by this number. */
export function entriesOf(all: readonly ServiceView[], together: number): readonly AllocationView[] {
  const groups = Array.from({ length: Math.ceil(all.length / together) }, (_, i) =>
    all.slice(i * together, (i + 1) * together),
  );
  return groups.map((group, i) => {
    const [first = assert.fail()] = group;
    return entry(address(i), first, { sharingKey: 'default/k', services: group.map(refTo) });
  });
}

/** What one namespace creates: this many Services, and what the ledger has for them. */
export const shapes: Readonly<Record<string, (count: number) => Partial<Snapshot>>> = {
  'equal ports': (count) => ({ services: services(count, () => key) }),
  'different ports': (count) => ({ services: services(count, (i) => ({ ...key, ...tcp(i + 1) })) }),
  'one port in common': (count) => ({ services: services(count, (i) => ({ ...key, ...tcp(i + 1_000, 80) })) }),
  'ports that meet only in pairs': (count) => ({
    services: services(count, (i) => ({ ...key, ...(i < count / 2 ? tcp(1, 2 + (i % 2)) : tcp(2, 3)) })),
  }),
  'different selectors, Local': (count) => ({
    services: services(count, (i) => ({ ...key, ...tcp(i + 1), local: true, selector: `[["a","${i}"]]` })),
  }),
  'one requested address': (count) => ({
    services: services(count, (i) => ({ ...key, ...tcp(i + 1), requests: ['10.0.0.9'] })),
  }),
  'a quota that is reached': (count) => ({
    services: services(count, () => key),
    pools: [pool('p', ['10.0.0.0/16'], { quota: 5 })],
  }),
  'an address for all, and a quota': (count) => ({
    services: services(count, (i) => ({ ...key, ...tcp(i + 1) })),
    pools: [pool('p', ['10.0.0.0/16'], { quota: 5 })],
  }),
  'both families': (count) => ({
    services: services(count, () => ({ ...key, families: ['IPv4', 'IPv6'], familyPolicy: 'RequireDualStack' })),
    pools: [pool('p', ['10.0.0.0/16'])],
  }),
  'all created again': (count) => {
    const former = services(count, () => key);
    return { services: former.map((one) => ({ ...one, uid: `${one.uid}-2` })), ledger: entriesOf(former, 1) };
  },
  'all changed, so that none can share': (count) => {
    const former = services(count, (i) => ({ ...key, ...tcp(i + 1), ...showing(address(i >> 7)) }));
    return { services: former.map((one) => ({ ...one, ...tcp(1) })), ledger: entriesOf(former, 128) };
  },
  'nothing to do': (count) => {
    const all = services(count, (i) => ({ ...key, ...tcp(i + 1), ...showing(address(i >> 7)) }));
    return { services: all, ledger: entriesOf(all, 128) };
  },
  'another pool requested': (count) => {
    const former = services(count, () => key);
    return {
      services: former.map((one) => ({ ...one, requestedPools: ['q'] })),
      ledger: entriesOf(former, 1),
      pools: [wide, pool('q', ['10.1.0.0/16'])],
    };
  },
  'one address in all statuses': (count) => ({ services: services(count, () => ({ ...key, ...showing(address(0)) })) }),
};

/** Services that cannot be served, each for another reason, `each` of every sort. */
export function badServices(each: number): readonly ServiceView[] {
  const throws = (facts: Partial<ServiceView>, field: keyof ServiceView) => (name: string) =>
    Object.defineProperty(serviceIn('bad', name, facts), field, { get: () => assert.fail('no value') });
  const plain = (facts: Partial<ServiceView>) => (name: string) => serviceIn('bad', name, facts);
  const sorts: readonly ((name: string) => ServiceView)[] = [
    plain({ requests: ['nonsense'] }),
    plain({ requests: ['10.0.0.1', '10.0.0.2'] }),
    plain({ requests: ['192.0.2.1'] }),
    plain({ requests: [address(0)] }),
    plain({ requestedPools: ['none'] }),
    plain({ sharingKey: 'good,other/k' }),
    plain({ families: ['IPv4', 'IPv6'], familyPolicy: 'RequireDualStack', requestedPools: ['four'] }),
    plain(showing(address(0))),
    plain(shownByOther(address(0))),
    plain({ ingress: [{ hostname: 'host.example' }] }),
    throws({}, 'ports'),
    throws({ requests: ['10.0.0.200'] }, 'familyPolicy'),
    throws({}, 'requestedPools'),
  ];
  return sorts.flatMap((make, sort) => Array.from({ length: each }, (_, i) => make(`sort-${sort}-${i}`)));
}
