/** The level-triggered loop of both roles: changes are collected, one pass runs at a time, and a failed pass is repeated. */
import type { Logger } from './logger.ts';
import { Distribution, type Metric, Tally } from './metrics.ts';
import { wait } from './wait.ts';
import { Watchdog } from './watchdog.ts';

/** What to run, and when. */
interface LoopOptions {
  readonly log: Logger;
  /** Compares the whole state with the desired one, and corrects differences. A rejection is logged, and the pass is repeated. */
  readonly pass: (signal: AbortSignal) => Promise<void>;
  /** A pass runs after this time even if nothing changed. */
  readonly resyncMs: number;
  /** A pass that takes longer than this is stuck. The default is five minutes. */
  readonly stuckMs?: number;
}

/** The shortest time between the starts of two passes: changes that come together are processed together. */
const gapMs = 20;
/** The precision of a later pass. */
const tickMs = 50;
/** The longest time of a timer. A pass that comes too early requests another one. */
const mostTimerMs = 2 ** 31 - 1;
/** Much longer than the longest pass: a restart in the middle of a pass would not help. */
const defaultStuckMs = 300_000;
const retryMs = { first: 500, most: 30_000 } as const;

/** Runs a pass after each trigger, never two in parallel. Triggers during a pass cause one more pass. */
export class Loop {
  readonly #options: LoopOptions;
  readonly #ticks = new Set<number>();
  readonly #seconds = new Distribution({
    name: 'berth_loop_pass_duration_seconds',
    help: 'Duration of a pass of the main loop',
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30],
  });
  readonly #passes = new Tally();
  readonly #watchdog: Watchdog;
  #pending = true;
  #wake: (() => void) | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#watchdog = new Watchdog(options.resyncMs + (options.stuckMs ?? defaultStuckMs));
  }

  /** The metrics of the passes. */
  get metrics(): readonly (Metric | Distribution)[] {
    const passes: Metric = {
      name: 'berth_loop_passes_total',
      help: 'Passes of the main loop by outcome; a failed pass is repeated',
      kind: 'counter',
      labels: ['outcome'],
      read: () => this.#passes.samples,
    };
    return [passes, this.#seconds];
  }

  /** Requests a pass, because something changed. */
  trigger = (): void => {
    this.#pending = true;
    this.#wake?.();
  };

  /** Requests a pass after this time. Requests for nearly the same time cause one pass. */
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

  /** The fault if the loop is stuck: it runs, but no pass begins or ends. */
  fault = (): string | undefined => this.#watchdog.fault();

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#runPasses(signal);
    } finally {
      this.#watchdog.rest();
    }
  }

  async #runPasses(signal: AbortSignal): Promise<void> {
    const { log, resyncMs } = this.#options;
    let failures = 0;
    let passedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      this.#watchdog.beat();
      if (!this.#pending) await this.#sleep(resyncMs, signal);
      await wait(Math.max(0, passedAt + gapMs - performance.now()), signal);
      if (signal.aborted) return;
      this.#pending = false;
      this.#watchdog.beat();
      passedAt = performance.now();
      try {
        await this.#pass(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        const pauseMs = Math.min(retryMs.first * 2 ** failures++, retryMs.most);
        log.warn({ err: error, retryInMs: pauseMs }, 'pass failed');
        // A trigger does not shorten this pause.
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
