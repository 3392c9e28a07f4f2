/** A real controller in this process: `runController` with a log that can be read. */
import { pino } from 'pino';
import { runController } from '../../src/controller/controller.ts';
import type { LeaseTiming } from '../../src/kube/leader.ts';
import type { Logger } from '../../src/runtime/logger.ts';

/** A line of its log. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [fact: string]: unknown;
}

/** A log that keeps its lines. `onLine` is called before the program continues. */
export function keptLog(lines: LogLine[], onLine: (line: LogLine) => void = () => undefined): Logger {
  const write = (text: string) => {
    const line = JSON.parse(text) as LogLine;
    lines.push(line);
    onLine(line);
  };
  const briefly = (error: unknown) => (error instanceof Error ? error.message : error);
  const options = {
    ...{ level: 'debug', base: null, serializers: { err: briefly } },
    formatters: { level: (level: string) => ({ level }) },
  };
  return pino(options, { write });
}

/** How to run a controller. */
export interface RunOptions {
  readonly kubeconfig: string;
  readonly timing: LeaseTiming;
  readonly onLine?: (line: LogLine) => void;
}

/** A controller that runs in this process. */
export class RunningController {
  readonly lines: LogLine[] = [];
  /** Resolves when the controller has ended, to the error; undefined if it was stopped. */
  readonly ended: Promise<Error | undefined>;
  readonly #stop = new AbortController();
  #isOver = false;

  constructor({ kubeconfig, timing, onLine }: RunOptions) {
    const options = {
      ...{ version: 'test', kubeconfig, namespace: 'berth-system', classes: ['berth.dev/berth'], withoutClass: true },
      ...{ takeOver: false, timing, livenessSecret: 'berth-liveness', health: '127.0.0.1:0' },
      handOff: 'KubeProxy' as const,
    };
    this.ended = runController(options, keptLog(this.lines, onLine), this.#stop.signal)
      .then(
        () => undefined,
        (error: Error) => error,
      )
      .finally(() => {
        this.#isOver = true;
      });
  }

  /** The identity of the controller in the election; undefined before it takes part. */
  get identity(): string | undefined {
    return this.lines.find(({ msg }) => msg === 'waiting for the lease')?.identity as string | undefined;
  }

  /**
   * Whether the controller has become the leader and has not ended. A lead that was lost a moment
   * ago may not show yet.
   */
  get leads(): boolean {
    return !this.#isOver && this.lines.some(({ msg }) => msg === 'leading');
  }

  /** Whether the controller has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** How often its log has this message. */
  count(msg: string): number {
    return this.lines.filter((line) => line.msg === msg).length;
  }

  /** Stops the controller, and waits until it has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.ended;
  }
}
