/** The metrics of a process's informers. */
import type { Metric, Sample } from '../runtime/metrics.ts';

/** The properties of an informer that metrics expose. */
interface InformerFacts {
  readonly synced: boolean;
  readonly failures: number;
  readonly store: { readonly size: number };
}

/** The metrics of informers by name. */
export function informerMetrics(informers: Readonly<Record<string, InformerFacts>>): readonly Metric[] {
  const each = (value: (informer: InformerFacts) => number) => (): readonly Sample[] =>
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
      help: 'Known objects of a resource',
      kind: 'gauge',
      labels: ['resource'],
      read: each(({ store }) => store.size),
    },
    {
      name: 'berth_kube_watch_failures_total',
      help: 'Failed lists and watches of a resource; each is tried again',
      kind: 'counter',
      labels: ['resource'],
      read: each(({ failures }) => failures),
    },
  ];
}
