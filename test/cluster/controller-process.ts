/** Controllers as processes outside of Pods: the test knows their pids, so it can stop, wake and kill them. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Lab } from '../lab/cluster.ts';

/** A line of a controller's log, and the process that wrote it. */
export interface LogLine {
  readonly process: string;
  readonly time: string;
  readonly level: string;
  readonly msg: string;
  readonly [fact: string]: unknown;
}

/** How to run controllers. */
export interface ControllerOptions {
  readonly lab: Lab;
  /** The bundle's main.js. */
  readonly program: string;
  /** The kubeconfig of each of the two controllers; the lab's own one if absent. */
  readonly kubeconfigs?: readonly [string, string];
  /** The values of the options `--leader-elect-...`. */
  readonly timing: { readonly leaseDuration: string; readonly renewDeadline: string; readonly retryPeriod: string };
}

const closingMs = 5_000;

/** One controller process. */
export class ControllerProcess {
  readonly name: string;
  readonly startedAt = performance.now();
  /** Resolves when the process is gone and its log is read. The value is the reason if the test did not cause the end. */
  readonly ended: Promise<string | undefined>;
  /** Its identity in the leader election; known once it is ready. */
  identity: string | undefined;
  /** Whether it has become the leader. A controller that loses the lead ends. */
  leads = false;
  readonly place: number;
  readonly #child: ChildProcess;
  #gone = false;
  #killed = false;
  #lastError = '';
  #stderr = '';

  constructor(
    { lab, program, kubeconfigs, timing }: ControllerOptions,
    place: number,
    onLine: (line: LogLine) => void,
  ) {
    const argv = [
      ...[process.execPath, program, 'controller', '--kubeconfig', kubeconfigs?.[place] ?? lab.kubeconfig],
      // Any free port: no program uses it.
      ...['--health', '127.0.0.1:0'],
      ...['--leader-elect-lease-duration', timing.leaseDuration],
      ...['--leader-elect-renew-deadline', timing.renewDeadline],
      ...['--leader-elect-retry-period', timing.retryPeriod],
    ];
    this.#child = lab.controlPlane.spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.place = place;
    this.name = `${'ab'[place] ?? place}:${this.#child.pid}`;
    this.#child.stderr?.on('data', (piece: Buffer) => (this.#stderr += piece.toString()));
    const { stdout } = this.#child;
    if (stdout) createInterface(stdout).on('line', (text) => this.#read(text, onLine));
    this.#child.once('exit', () => (this.#gone = true));
    this.ended = new Promise((resolve) => this.#child.once('close', () => resolve(this.#verdict())));
  }

  /** Whether the process still exists, running or stopped. */
  get alive(): boolean {
    return !this.#gone;
  }

  /** Sends SIGSTOP: the process does not notice that time passes. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  /** Sends SIGCONT. */
  wake(): void {
    this.#child.kill('SIGCONT');
  }

  /** Sends SIGKILL: the process cannot clean up. */
  kill(): void {
    this.#killed = true;
    this.#child.kill('SIGKILL');
  }

  /** Sends SIGTERM, and SIGKILL if the process does not end in time. */
  async close(): Promise<void> {
    this.#child.kill('SIGTERM');
    this.wake();
    const late = setTimeout(() => this.kill(), closingMs);
    await this.ended;
    clearTimeout(late);
  }

  #read(text: string, onLine: (line: LogLine) => void): void {
    const line: LogLine = { ...JSON.parse(text), process: this.name };
    if (line.msg === 'waiting for the lease') this.identity = String(line.identity);
    if (line.msg === 'leading') this.leads = true;
    if (line.level === 'error') this.#lastError = line.msg;
    onLine(line);
  }

  /** A controller that has lost the lead ends with status 1, as it must. Any other end must come from SIGKILL or SIGTERM of the test. */
  #verdict(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    const expected =
      (this.#killed && signalCode === 'SIGKILL') || exitCode === 0 || /^lost lease/.test(this.#lastError);
    if (expected && this.#stderr === '') return undefined;
    return `${this.name} ended (${exitCode ?? signalCode}): ${this.#lastError} ${this.#stderr}`;
  }
}

/** Two controllers. When one ends, the next one starts at once, as the kubelet would start it. */
export class Controllers {
  /** The log lines of all controllers so far. */
  readonly lines: LogLine[] = [];
  /** Unexpected ends of controllers: each is a failure of the test. */
  readonly failures: string[] = [];
  readonly #options: ControllerOptions;
  readonly #places: ControllerProcess[] = [];
  #closing = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    for (const place of [0, 1]) this.#fill(place);
  }

  /** The controllers that run now. */
  get running(): readonly ControllerProcess[] {
    return this.#places.filter(({ alive }) => alive);
  }

  /** How many log lines have a message. */
  count(msg: string): number {
    return this.lines.filter((line) => line.msg === msg).length;
  }

  /** Ends all controllers, by their pids. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#places.map((process) => process.close()));
  }

  #fill(place: number): void {
    const process = new ControllerProcess(this.#options, place, (line) => this.lines.push(line));
    this.#places[place] = process;
    process.ended.then((failure) => {
      if (failure !== undefined) this.failures.push(failure);
      else if (!this.#closing) this.#fill(place);
    });
  }
}
