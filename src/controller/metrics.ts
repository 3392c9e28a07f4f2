/** The controller's metrics. Only the leader exposes metrics of the cluster: otherwise every replica would count everything again. */
import type { AllocationView } from '../api/allocation.ts';
import type { Condition } from '../api/meta.ts';
import type { PoolView } from '../api/pool.ts';
import { conditionTypes, type ServiceView } from '../api/service.ts';
import { informerMetrics } from '../kube/informer-metrics.ts';
import { type Distribution, type Metric, Metrics, type Sample, Tally } from '../runtime/metrics.ts';
import { processMetrics } from '../runtime/process-metrics.ts';
import type { Informers } from './snapshot.ts';

/** The sources of the metrics. */
export interface ControllerFacts {
  readonly version: string;
  readonly informers: Informers;
  readonly leads: () => boolean;
  /** The metrics of the parts that count themselves. */
  readonly parts: readonly (Metric | Distribution)[];
}

interface GaugeSource {
  readonly labels: readonly string[];
  readonly samples: () => readonly Sample[];
}

const families = ['IPv4', 'IPv6'] as const;

/** The metrics of a controller. */
export function controllerMetrics({ version, informers, leads, parts }: ControllerFacts): Metrics {
  const gauge = (name: string, help: string, { labels, samples }: GaugeSource): Metric => ({
    ...{ name: `berth_controller_${name}`, help, labels, kind: 'gauge' },
    read: () => (leads() ? samples() : []),
  });
  const { pools, allocations, services } = informers;
  return new Metrics([
    ...processMetrics('controller', version),
    {
      name: 'berth_controller_leading',
      help: '1 on the replica that leads, 0 on the others',
      kind: 'gauge',
      read: () => [{ value: leads() ? 1 : 0 }],
    },
    gauge('pool_addresses', 'Addresses of a pool by family and state', {
      labels: ['pool', 'family', 'state'],
      samples: () => pools.store.values().flatMap(addressesOf),
    }),
    gauge('pool_ready', '1 while all addresses of a pool can be assigned, 0 with the reason otherwise', {
      labels: ['pool', 'reason'],
      samples: () => pools.store.values().flatMap(readinessOf),
    }),
    gauge('services', 'Services that Berth serves, by the reason of their condition berth.dev/Allocated', {
      labels: ['reason'],
      samples: () => countOf(services.store.values(), allocationOf),
    }),
    gauge('vips', 'Addresses in use, by condition, status and reason', {
      labels: ['condition', 'status', 'reason'],
      samples: () => countOf(allocations.store.values(), ({ conditions }) => conditions.map(labelsOf)),
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

function labelsOf({ type, status, reason }: Condition) {
  return { condition: type, status, reason };
}

/** The number of objects for each set of labels; one object may have several. */
function countOf<T>(objects: readonly T[], kinds: (object: T) => readonly Readonly<Record<string, string>>[]) {
  const tally = new Tally();
  for (const object of objects) for (const labels of kinds(object)) tally.count(labels);
  return tally.samples;
}
