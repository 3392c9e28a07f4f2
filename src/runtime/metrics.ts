/** Metrics in the text format of Prometheus, read when somebody asks for them. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What tells one value of a metric from the others. */
export type Labels = Readonly<Record<string, string>>;

/** One value, and what tells it from the others of its metric. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

/** A metric and how its values are found. Names follow the Prometheus conventions: `berth_ROLE_WHAT_UNIT`, `_total` for counts. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  /** A count only rises, until the process ends. */
  readonly kind: 'counter' | 'gauge';
  readonly labels?: readonly string[];
  /** All values there are now: what is not among them is not told any more. */
  readonly read: () => Promise<readonly Sample[]> | readonly Sample[];
}

/** Counts what happens, by labels of which there are few. */
export class Tally {
  readonly #counts = new Map<string, { readonly labels: Labels; value: number }>();

  /** It has happened once more. */
  count(labels: Labels): void {
    const key = JSON.stringify(labels);
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { labels, value: 1 });
    else known.value++;
  }

  /** All counts. */
  get samples(): readonly Sample[] {
    return [...this.#counts.values()];
  }
}

/** What a {@link Distribution} is of. */
export interface DistributionOptions {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** Upper bounds, in the metric's unit, in rising order. */
  readonly buckets: readonly number[];
}

/** How values are distributed: a histogram. */
export class Distribution {
  readonly kind: MetricKind;
  readonly #histogram: Histogram;

  constructor({ name, help, labels = [], buckets }: DistributionOptions) {
    this.kind = { name, kind: 'histogram', labels, help };
    this.#histogram = new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [] });
  }

  /** One more value. */
  observe(value: number, labels: Labels = {}): void {
    this.#histogram.observe({ ...labels }, value);
  }

  /** Makes it part of a registry. */
  register(registry: Registry): void {
    registry.registerMetric(this.#histogram);
  }
}

/** What a metric is, without its values. */
export interface MetricKind {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

/** The text of all metrics, made anew for each reader. */
export class Metrics {
  /** What there is, in order of name. */
  readonly kinds: readonly MetricKind[];
  readonly #registry = new Registry();

  constructor(metrics: readonly (Metric | Distribution)[]) {
    this.kinds = metrics.map(kindOf).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const metric of metrics) {
      if (metric instanceof Distribution) metric.register(this.#registry);
      else this.#add(metric);
    }
  }

  /** The type of the text, for an HTTP header. */
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
