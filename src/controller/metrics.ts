/** What a controller tells Prometheus. Only the leader tells of the cluster: else every replica would count everything once more. */
import type { AllocationView } from '../api/allocation.ts';
import type { Condition } from '../api/meta.ts';
import type { PoolView } from '../api/pool.ts';
import { conditionTypes, type ServiceView } from '../api/service.ts';
import { informerMetrics } from '../kube/informer-metrics.ts';
import { type Distribution, type Metric, Metrics, type Sample, Tally } from '../runtime/metrics.ts';
import { processMetrics } from '../runtime/process-metrics.ts';
import type { Informers } from './snapshot.ts';

/** What the metrics are read from. */
export interface ControllerFacts {
  readonly version: string;
  readonly informers: Informers;
  readonly leads: () => boolean;
  /** Those of the parts that count by themselves. */
  readonly parts: readonly (Metric | Distribution)[];
}

interface Told {
  readonly labels: readonly string[];
  readonly samples: () => readonly Sample[];
}

const families = ['IPv4', 'IPv6'] as const;

/** The metrics of a controller. */
export function controllerMetrics({ version, informers, leads, parts }: ControllerFacts): Metrics {
  const gauge = (name: string, help: string, { labels, samples }: Told): Metric => ({
    ...{ name: `berth_controller_${name}`, help, labels, kind: 'gauge' },
    read: () => (leads() ? samples() : []),
  });
  const { pools, allocations, services } = informers;
  return new Metrics([
    ...processMetrics('controller', version),
    {
      name: 'berth_controller_leading',
      help: '1 on the replica that acts, 0 on those that stand by',
      kind: 'gauge',
      read: () => [{ value: leads() ? 1 : 0 }],
    },
    gauge('pool_addresses', 'Addresses of a pool by family and state', {
      labels: ['pool', 'family', 'state'],
      samples: () => pools.store.values().flatMap(addressesOf),
    }),
    gauge('pool_ready', '1 while all of a pool can be used, 0 with the reason why not', {
      labels: ['pool', 'reason'],
      samples: () => pools.store.values().flatMap(readinessOf),
    }),
    gauge('services', 'Services of ours by the reason in their condition berth.dev/Allocated', {
      labels: ['reason'],
      samples: () => countOf(services.store.values(), allocationOf),
    }),
    gauge('vips', 'Addresses in use by what their conditions say', {
      labels: ['condition', 'status', 'reason'],
      samples: () => countOf(allocations.store.values(), ({ conditions }) => conditions.map(wordsOf)),
    }),
    gauge('vip_holder', '1 for each address that a node holds', {
      labels: ['vip', 'pool', 'node'],
      samples: () => allocations.store.values().flatMap(holderOf),
    }),
    ...informerMetrics({ ...informers }),
    ...parts,
  ]);
}

function addressesOf({ name: pool, counts }: PoolView): readonly Sample[] {
  if (counts === undefined) return [];
  return families.flatMap((family) => [
    { labels: { pool, family, state: 'assigned' }, value: counts[`assigned${family}`] },
    { labels: { pool, family, state: 'available' }, value: counts[`available${family}`] },
  ]);
}

function readinessOf({ name: pool, conditions }: PoolView): readonly Sample[] {
  const ready = conditions.find(({ type }) => type === 'Ready');
  const overlap = conditions.find(({ type, status }) => type === 'Overlap' && status === 'True');
  const worst = ready?.status === 'True' ? (overlap ?? ready) : ready;
  if (worst === undefined) return [];
  return [{ labels: { pool, reason: worst.reason }, value: worst === ready && ready.status === 'True' ? 1 : 0 }];
}

function allocationOf({ conditions }: ServiceView) {
  return conditions.filter(({ type }) => type === conditionTypes.allocated).map(({ reason }) => ({ reason }));
}

function holderOf({ address: vip, pool, recorded }: AllocationView): readonly Sample[] {
  return recorded?.since === undefined ? [] : [{ labels: { vip, pool, node: recorded.node }, value: 1 }];
}

function wordsOf({ type, status, reason }: Condition) {
  return { condition: type, status, reason };
}

/** How many objects there are of each kind; one object may be of several. */
function countOf<T>(objects: readonly T[], kinds: (object: T) => readonly Readonly<Record<string, string>>[]) {
  const tally = new Tally();
  for (const object of objects) for (const labels of kinds(object)) tally.count(labels);
  return tally.samples;
}
