/** What is told of a process's informers. */
import type { Metric, Sample } from '../runtime/metrics.ts';

/** An informer, as much of it as is told. */
export interface Told {
  readonly synced: boolean;
  readonly failures: number;
  readonly store: { readonly size: number };
}

/** The metrics of informers by name. */
export function informerMetrics(informers: Readonly<Record<string, Told>>): readonly Metric[] {
  const each = (value: (informer: Told) => number) => (): readonly Sample[] =>
    Object.entries(informers).map(([resource, informer]) => ({ labels: { resource }, value: value(informer) }));
  return [
    {
      name: 'berth_kube_synced',
      help: '1 once the first list of a resource has been read from the API server',
      kind: 'gauge',
      labels: ['resource'],
      read: each(({ synced }) => (synced ? 1 : 0)),
    },
    {
      name: 'berth_kube_objects',
      help: 'Objects of a resource that are known',
      kind: 'gauge',
      labels: ['resource'],
      read: each(({ store }) => store.size),
    },
    {
      name: 'berth_kube_watch_failures_total',
      help: 'Lists and watches of a resource that failed, and were tried again',
      kind: 'counter',
      labels: ['resource'],
      read: each(({ failures }) => failures),
    },
  ];
}
