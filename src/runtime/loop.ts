/** The level-based loop of both roles: changes are counted together, one pass runs at a time, a failed one is tried again. */
import type { Logger } from './logger.ts';
import { Distribution, type Metric, Tally } from './metrics.ts';
import { wait } from './wait.ts';
import { Watchdog } from './watchdog.ts';

/** What to run, and how often at least. */
export interface LoopOptions {
  readonly log: Logger;
  /** Looks at everything and puts right what is not. A rejection is logged and the pass tried again. */
  readonly pass: (signal: AbortSignal) => Promise<void>;
  /** A pass runs after this time even if nothing changed. */
  readonly resyncMs: number;
  /** A pass that takes longer is stuck: by default five minutes. */
  readonly stuckMs?: number;
}

/** The least time from one pass to the next: changes that come together are decided together. */
const gapMs = 20;
/** How exactly a later pass is timed. */
const tickMs = 50;
/** What a timer can count. A pass that comes too early asks again. */
const mostTimerMs = 2 ** 31 - 1;
/** Far more than the longest pass: to be restarted in its middle helps nobody. */
const defaultStuckMs = 300_000;
const retryMs = { first: 500, most: 30_000 } as const;

/** Runs a pass after each trigger, never two at once; triggers during a pass lead to one more. */
export class Loop {
  readonly #options: LoopOptions;
  readonly #ticks = new Set<number>();
  readonly #seconds = new Distribution({
    name: 'berth_loop_pass_duration_seconds',
    help: 'How long a pass of the main loop took',
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30],
  });
  readonly #passes = new Tally();
  readonly #pulse: Watchdog;
  #pending = true;
  #wake: (() => void) | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#pulse = new Watchdog(options.resyncMs + (options.stuckMs ?? defaultStuckMs));
  }

  /** What is told of the passes. */
  get metrics(): readonly (Metric | Distribution)[] {
    const passes: Metric = {
      name: 'berth_loop_passes_total',
      help: 'Passes of the main loop by outcome; one that failed is tried again',
      kind: 'counter',
      labels: ['outcome'],
      read: () => this.#passes.samples,
    };
    return [passes, this.#seconds];
  }

  /** Something changed. */
  trigger = (): void => {
    this.#pending = true;
    this.#wake?.();
  };

  /** A pass is wanted after this time, whatever changes until then. SpreadTargets for nearly the same moment are one. */
  triggerIn(ms: number): void {
    const tick = Math.ceil((performance.now() + ms) / tickMs);
    if (this.#ticks.has(tick)) return;
    this.#ticks.add(tick);
    const due = () => {
      this.#ticks.delete(tick);
      this.trigger();
    };
    setTimeout(due, Math.min(tick * tickMs - performance.now(), mostTimerMs)).unref();
  }

  /** What is wrong with the loop: it runs, and no pass begins or ends any more. */
  fault = (): string | undefined => this.#pulse.fault();

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#turn(signal);
    } finally {
      this.#pulse.rest();
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { log, resyncMs } = this.#options;
    let failures = 0;
    let passedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      this.#pulse.beat();
      if (!this.#pending) await this.#sleep(resyncMs, signal);
      await wait(Math.max(0, passedAt + gapMs - performance.now()), signal);
      if (signal.aborted) return;
      this.#pending = false;
      this.#pulse.beat();
      passedAt = performance.now();
      try {
        await this.#pass(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        const pauseMs = Math.min(retryMs.first * 2 ** failures++, retryMs.most);
        log.warn({ err: error, retryInMs: pauseMs }, 'pass failed');
        // Triggers do not shorten this pause: whatever fails is asked again at this pace only.
        await wait(pauseMs, signal);
        this.#pending = true;
      }
    }
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    let outcome = 'failed';
    try {
      await this.#options.pass(signal);
      outcome = 'done';
    } finally {
      this.#passes.count({ outcome });
      this.#seconds.observe((performance.now() - startedAt) / 1000);
    }
  }

  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      this.#wake = done;
    });
  }
}
