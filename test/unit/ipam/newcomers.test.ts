/** The addresses of new Services, compared with the oracle: each address exactly, each refusal by its reason. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAllocation, type RawAllocation } from '../../../src/api/allocation.ts';
import { parseNamespace } from '../../../src/api/namespace.ts';
import { parseNode } from '../../../src/api/node.ts';
import { parsePool } from '../../../src/api/pool.ts';
import { parseService, type RawService } from '../../../src/api/service.ts';
import { type Plan, type Snapshot, settle } from '../../../src/ipam/allocate.ts';
import { allocationRequestOf } from '../../../src/ipam/requests.ts';
import { Sharers } from '../../../src/ipam/sharing.ts';
import { expectedFailures } from '../../honesty/expected-failures.ts';
import { choiceFor, type Opening, withAddress } from '../../oracle/choice.ts';
import type { Cluster, Pool, Service } from '../../oracle/objects.ts';
import { isTrue, words } from '../../oracle/reasons.ts';
import { barrierBetween } from '../../oracle/sharing.ts';
import { wishesOf } from '../../oracle/wishes.ts';
import { fc } from '../../property.ts';
import { ownership } from '../fixtures.ts';
import { type Facts, facts, poolSpec, written } from './histories/random.ts';

const numRuns = Number(process.env.BERTH_RUNS ?? 1_500);

/** One new Service. */
interface Coming {
  readonly namespace: string;
  readonly facts: Facts;
  /** It is created in the same second as the one before. */
  readonly isSoon: boolean;
}

const coming: fc.Arbitrary<Coming> = fc.record({
  namespace: fc.constantFrom('a', 'b'),
  facts,
  isSoon: fc.boolean(),
});

const scene = fc.record({
  pools: fc.array(poolSpec, { maxLength: 3 }),
  labels: fc.constantFrom({}, { env: 'x' }),
  nodes: fc.constantFrom([], ['192.0.2.1'], ['192.0.2.2', '2001:db8::1']),
  before: fc.array(coming, { maxLength: 4 }),
  after: fc.array(coming, { minLength: 1, maxLength: 3 }),
});

function meta(name: string, count: number) {
  const creationTimestamp = new Date(count * 1_000).toISOString();
  return { name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp };
}

/** Each is created one second after the one before, or in the same second. */
function servicesOf(all: readonly Coming[], from: number): readonly Service[] {
  let second = from;
  return all.map(({ namespace, facts: of, isSoon }, i) => {
    if (!isSoon) second += 1;
    const { spec = {}, ...rest } = written(of);
    const name = `s${from}-${i}`;
    return {
      metadata: { ...meta(name, second), namespace, ...rest },
      spec: { type: 'LoadBalancer', ...spec },
    } as Service;
  });
}

function shows(service: Service, openings: readonly Opening[]): Service {
  const ingress = openings.map(({ address }) => ({ ip: address, ipMode: 'VIP' }));
  const fieldsV1 = { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } };
  const managedFields = [{ manager: 'berth-controller', subresource: 'status', fieldsV1 }];
  return { ...service, metadata: { ...service.metadata, managedFields }, status: { loadBalancer: { ingress } } };
}

/** The cluster after these Services have been created one after the other, and the addresses of each of them. */
function settled(cluster: Cluster, services: readonly Service[]) {
  let now: Cluster = { ...cluster, services: [...cluster.services, ...services] };
  const chosen = new Map<Service, readonly Opening[]>();
  for (const service of [...services].sort(byAge)) {
    const openings = choiceFor(now, service);
    for (const opening of openings) now = withAddress(now, service, opening);
    chosen.set(service, openings);
  }
  return { cluster: now, chosen };
}

function byAge(a: Service, b: Service): number {
  const age = ({ metadata }: Service) => `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`;
  return age(a) < age(b) ? -1 : 1;
}

function snapshotOf({ pools, namespaces, nodes, services, entries, now }: Cluster): Snapshot {
  return {
    pools: pools.map((pool) => parsePool(pool as Parameters<typeof parsePool>[0])),
    namespaces: namespaces.map(parseNamespace),
    nodes: nodes.map((node) => parseNode(node as Parameters<typeof parseNode>[0])),
    services: services.map((service) => parseService(service as RawService)),
    ledger: entries.map((entry) => parseAllocation(named(entry) as RawAllocation) ?? assert.fail('no entry')),
    ownership,
    now,
  };
}

/** With the name that the API server requires: IPv6 without colons. These addresses have one `::` and at most one group after it. */
function named(entry: Cluster['entries'][number]): unknown {
  const { address } = entry.spec;
  const last = address.split('::')[1] || '0';
  const name = address.includes(':') ? `2001-0db8-0000-0000-0000-0000-0000-${last.padStart(4, '0')}` : address;
  return { ...entry, metadata: { ...entry.metadata, name } };
}

/** Services with different Pods can share an address today. When that fault is fixed, its entry is removed, and these cases count too. */
const isFaultKnown =
  'Services with the policy Local share an address only if they have the same Pods' in expectedFailures;

test('new Services get exactly the addresses that the documentation says, or a reason that is true', () => {
  fc.assert(
    fc.property(scene, ({ pools, labels, nodes, before, after }) => {
      const all = [...servicesOf(before, 0), ...servicesOf(after, 10)];
      const meetsFault = all.some((a, i) => all.slice(i + 1).some((b) => barrierBetween(a, b) === 'Pods'));
      fc.pre(!(isFaultKnown && meetsFault));
      const empty: Cluster = {
        pools: pools.map((spec, i): Pool => ({ metadata: meta('pqr'[(i + 1) % 3] ?? '', i >> 1), spec })),
        namespaces: [{ metadata: { ...meta('a', 0), labels } }, { metadata: meta('b', 0) }],
        nodes: [
          { metadata: meta('n', 0), status: { addresses: nodes.map((address) => ({ type: 'InternalIP', address })) } },
        ],
        ...{ services: [], entries: [], now: 0, rules: { ...ownership, manager: ownership.writer } },
      };
      const first = settled(empty, servicesOf(before, 0));
      // Services that did not get all addresses would try again, before the new Services.
      const isFull = (service: Service) => first.chosen.get(service)?.length === wishesOf(service).families.length;
      const there = first.cluster.services.filter(isFull);
      const entries = first.cluster.entries.flatMap((entry) => {
        const services = entry.spec.services?.filter(({ uid }) => there.some(({ metadata }) => metadata.uid === uid));
        return services?.length ? [{ ...entry, spec: { ...entry.spec, services } }] : [];
      });
      const shown = there.map((service) => shows(service, first.chosen.get(service) ?? []));
      const start = { ...first.cluster, services: shown, entries };
      const newcomers = servicesOf(after, 10);
      const end = settled(start, newcomers);
      const { decisions } = settle(snapshotOf({ ...start, services: [...shown, ...newcomers] })).plan;
      const decided = new Map(decisions.map((decision) => [decision.service.uid, decision]));
      for (const service of shown) {
        const has = first.chosen.get(there.find(({ metadata }) => metadata.uid === service.metadata.uid) ?? service);
        assertDecision({ cluster: end.cluster, service }, has ?? [], decided.get(service.metadata.uid));
      }
      for (const service of newcomers) {
        assertDecision(
          { cluster: end.cluster, service },
          end.chosen.get(service) ?? [],
          decided.get(service.metadata.uid),
        );
      }
    }),
    { numRuns },
  );
});

function assertDecision(
  { cluster, service }: { readonly cluster: Cluster; readonly service: Service },
  expected: readonly Opening[],
  decision: Plan['decisions'][number] | undefined,
): void {
  const { name } = service.metadata;
  const has = decision?.kind === 'Assigned' ? decision.bindings : [];
  const text = (all: readonly { readonly address: string }[]) => all.map(({ address }) => address);
  assert.deepEqual(text(has), text(expected), `${name}: ${decision?.reason}`);
  const pools = expected.map(({ pool }) => pool.metadata.name);
  assert.deepEqual(
    has.map(({ pool }) => pool),
    pools,
    `${name}: its pools`,
  );
  const reason = decision?.reason ?? 'none';
  assert.ok(isTrue(reason, { cluster, service }), `${name} has ${text(has)}: ${reason}, ${decision?.message}`);
}

test('Services may share an address exactly if the documentation says so', () => {
  fc.assert(
    fc.property(fc.array(coming, { minLength: 2, maxLength: 4 }), (all) => {
      // Services without a key share nothing, and most Services have no key.
      const keyed = all.map((one) => ({ ...one, facts: { sharingKey: 'a,b/k', ...one.facts } }));
      const services = servicesOf(keyed, 0);
      const views = services.map((service) => parseService(service as RawService));
      const sharers = new Sharers();
      for (const view of views) sharers.set(view.key, allocationRequestOf(view).sharer);
      const conflicts = views.map((view) => sharers.conflictWith(view.key, allocationRequestOf(view).sharer));
      const pairs = services.flatMap((one, i) => services.slice(i + 1).map((other) => barrierBetween(one, other)));
      // A key that does not name the Service's own namespace does not count.
      assert.equal(conflicts.some(Boolean), pairs.some(Boolean), pairs.join());
    }),
    { numRuns },
  );
});

test('the oracle knows every reason of the documentation, and no other', async () => {
  const { readFile } = await import('node:fs/promises');
  const page = await readFile('docs/reasons.md', 'utf8');
  const [, section = ''] = /\n## Allocation\n([\s\S]*?)\n## /.exec(page) ?? [];
  const documented = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, word]) => word);
  assert.deepEqual([...words].sort(), documented.sort());
});
