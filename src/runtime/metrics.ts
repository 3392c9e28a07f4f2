/** Metrics in the text format of Prometheus. Values are read when the metrics are scraped. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The labels of one value of a metric. */
type Labels = Readonly<Record<string, string>>;

/** One value of a metric, with its labels. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

/** A metric, and how its values are read. Names follow the Prometheus conventions: `berth_ROLE_WHAT_UNIT`, `_total` for counters. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  /** A counter only increases while the process runs. */
  readonly kind: 'counter' | 'gauge';
  readonly labels?: readonly string[];
  /** All current values. A value that is missing here is no longer exposed. */
  readonly read: () => Promise<readonly Sample[]> | readonly Sample[];
}

/** Counts events by labels. There must be few sets of labels. */
export class Tally {
  readonly #counts = new Map<string, { readonly labels: Labels; value: number }>();

  /** Counts one event. */
  count(labels: Labels): void {
    const key = JSON.stringify(labels);
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { labels, value: 1 });
    else known.value++;
  }

  /** All counts, with their labels. */
  get samples(): readonly Sample[] {
    return [...this.#counts.values()];
  }
}

/** The properties of a {@link Distribution}. */
interface DistributionOptions {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** The upper bounds in the metric's unit, in ascending order. */
  readonly buckets: readonly number[];
}

/** A histogram. */
export class Distribution {
  readonly kind: MetricKind;
  readonly #histogram: Histogram;

  constructor({ name, help, labels = [], buckets }: DistributionOptions) {
    this.kind = { name, kind: 'histogram', labels, help };
    this.#histogram = new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [] });
  }

  /** Adds one value. */
  observe(value: number, labels: Labels = {}): void {
    this.#histogram.observe({ ...labels }, value);
  }

  /** Adds the histogram to a registry. */
  register(registry: Registry): void {
    registry.registerMetric(this.#histogram);
  }
}

/** The description of a metric, without its values. */
export interface MetricKind {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

/** A set of metrics. Their text is made again for each scrape. */
export class Metrics {
  /** The descriptions of all metrics, sorted by name. */
  readonly kinds: readonly MetricKind[];
  readonly #registry = new Registry();

  constructor(metrics: readonly (Metric | Distribution)[]) {
    this.kinds = metrics.map(kindOf).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const metric of metrics) {
      if (metric instanceof Distribution) metric.register(this.#registry);
      else this.#add(metric);
    }
  }

  /** The Content-Type of the text. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics as text. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #add({ name, help, kind, labels = [], read }: Metric): void {
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (kind === 'counter') {
      const counter = new Counter({
        ...options,
        collect: async () => {
          counter.reset();
          for (const { labels: of = {}, value } of await read()) counter.inc({ ...of }, value);
        },
      });
    } else {
      const gauge = new Gauge({
        ...options,
        collect: async () => {
          gauge.reset();
          for (const { labels: of = {}, value } of await read()) gauge.set({ ...of }, value);
        },
      });
    }
  }
}

function kindOf(metric: Metric | Distribution): MetricKind {
  if (metric instanceof Distribution) return metric.kind;
  const { name, kind, labels = [], help } = metric;
  return { name, kind, labels, help };
}
