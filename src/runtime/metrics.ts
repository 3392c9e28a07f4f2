/** Metrics in the text format of Prometheus, read when somebody asks for them. */
import { Counter, Gauge, Registry } from 'prom-client';

/** One value, and what tells it from the others of its metric. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
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

/** The text of all metrics, made anew for each reader. */
export class Metrics {
  readonly #registry = new Registry();

  constructor(metrics: readonly Metric[]) {
    for (const { name, help, kind, labels = [], read } of metrics) {
      const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
      if (kind === 'counter') {
        const counter = new Counter({
          ...options,
          collect: async () => {
            counter.reset();
            for (const { labels: of = {}, value } of await read()) counter.inc(of, value);
          },
        });
      } else {
        const gauge = new Gauge({
          ...options,
          collect: async () => {
            gauge.reset();
            for (const { labels: of = {}, value } of await read()) gauge.set(of, value);
          },
        });
      }
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
}
