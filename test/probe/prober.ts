/** A prober of a VIP, on the client of a lab. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually, type Lab, type LabHost } from '../lab/cluster.ts';
import { ports } from './backend.ts';
import { type Findings, findingsOf, type Span, slowMs } from './findings.ts';
import {
  type Attempt,
  attemptTimeoutMs,
  type Command,
  type Echoes,
  now,
  type ProbeOrder,
  pace,
  type Told,
} from './told.ts';

/** The highest number of lines that are kept. Above it the older half is dropped. The rest covers more than ten minutes. */
const memory = 120_000;
const longPeaceMs = 3_000;
const peaceTimeoutMs = 120_000;

/** A running prober. */
export class Prober {
  readonly #lab: Lab;
  readonly #child: ChildProcess;
  readonly #bystander: ChildProcess;
  #told: Told[] = [];
  /** The start times of attempts that ended before an earlier attempt did; by number. */
  readonly #ended = new Map<number, number>();
  #endedCount = 0;
  /** All attempts that began up to this time have ended. */
  #endedUntil = 0;
  /** Lines that come once, or as an answer to a command. */
  readonly #said: Told[] = [];
  #errors = '';

  /** Starts a prober. It ends with {@link close}, with this process, or with the lab. */
  static async start(lab: Lab, vip: string): Promise<Prober> {
    const prober = new Prober(lab, vip);
    await prober.#next('ready', 0);
    return prober;
  }

  private constructor(lab: Lab, vip: string) {
    this.#lab = lab;
    const ip = lab.client.ip.replace(/\d+$/, '250');
    const order: ProbeOrder = { vip, ports, link: lab.client.link, asker: { mac: '02:be:27:ff:ff:01', ip } };
    this.#child = this.#spawn('./probe-process.ts', JSON.stringify(order));
    this.#bystander = this.#spawn('./bystander-process.ts');
  }

  /** The results for a span. Waits until all attempts of that span have ended. */
  async findings(span: Span): Promise<Findings> {
    const haveEnded = () => {
      this.#mustRun();
      return this.#endedUntil >= span.to;
    };
    await eventually('the end of all attempts', haveEnded, { timeoutMs: 5 * attemptTimeoutMs, everyMs: 20 });
    return findingsOf(this.#told, span);
  }

  /** The results for the time in which `act` ran, and for `afterMs` after it. */
  async during(act: () => Promise<unknown>, afterMs: number): Promise<Findings> {
    const from = now();
    await act();
    await delay(afterMs);
    return this.findings({ from, to: now() });
  }

  /** Waits until, for `peaceMs`, no attempt has failed and exactly one host has answered. */
  async peace(peaceMs = longPeaceMs): Promise<void> {
    await eventually(
      'no failed attempt, and answers from one host only',
      () => {
        this.#mustRun();
        const to = now() - 100;
        const { total, macs, outageMs, outcomes } = findingsOf(this.#told, { from: to - peaceMs, to });
        const isWatched = total.attempts > peaceMs / pace.attemptMs / 2;
        const isPeace = isWatched && total.failed + total.slow === 0 && macs.length === 1 && outageMs < slowMs;
        if (!isPeace) throw new Error(`${JSON.stringify({ ...total, macs, outageMs, outcomes })}`);
        return true;
      },
      { timeoutMs: peaceTimeoutMs },
    );
  }

  /** The node that answers ARP requests now. */
  holder(): LabHost {
    const to = now();
    const [mac] = findingsOf(this.#told, { from: to - 500, to }).macs.slice(-1);
    const holder = this.#lab.nodes.find((node) => node.mac === mac);
    if (holder === undefined) throw new Error(`no node answers ARP requests (answer from ${mac ?? 'no host'})`);
    return holder;
  }

  /** Makes sure that `count` long-lived connections work. A connection to a dead backend is opened again. */
  async openEchoes(count: number): Promise<void> {
    await this.#ask({ do: 'open', count });
    const open = async () => {
      const { alive, broken } = await this.echoes();
      if (alive === count) return true;
      await this.#ask({ do: 'open', count });
      throw new Error(`${alive} work, broken: ${JSON.stringify(broken)}`);
    };
    await eventually(`${count} working connections`, open, { everyMs: 500 });
  }

  /** The present state of the long-lived connections. */
  echoes(): Promise<Echoes> {
    return this.#ask({ do: 'count' });
  }

  /** Ends the prober. */
  close(): void {
    this.#child.kill('SIGKILL');
    this.#bystander.kill('SIGKILL');
  }

  #spawn(file: string, ...args: readonly string[]): ChildProcess {
    const program = new URL(file, import.meta.url).pathname;
    const child = this.#lab.client.spawn([process.execPath, program, ...args], { stdio: 'pipe' });
    child.stderr?.on('data', (text) => {
      this.#errors += text;
    });
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.#take(line));
    return child;
  }

  #ask(command: Command): Promise<Echoes> {
    const after = this.#said.length;
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    return this.#next('echoes', after) as Promise<Echoes>;
  }

  #next(kind: Told['kind'], after: number): Promise<Told> {
    return eventually(
      `the prober reports ${kind}`,
      () => {
        this.#mustRun();
        return this.#said.slice(after).find((told) => told.kind === kind);
      },
      { timeoutMs: 10_000, everyMs: 10 },
    );
  }

  #take(line: string): void {
    const told = JSON.parse(line) as Told;
    if (!('at' in told)) {
      this.#said.push(told);
      return;
    }
    if (told.kind === 'attempt') this.#noteEnd(told);
    this.#told.push(told);
    if (this.#told.length > memory) this.#told = this.#told.slice(-memory / 2);
  }

  #noteEnd({ number, at }: Attempt): void {
    this.#ended.set(number, at);
    for (let next = this.#ended.get(this.#endedCount); next !== undefined; next = this.#ended.get(this.#endedCount)) {
      this.#endedUntil = next;
      this.#ended.delete(this.#endedCount++);
    }
  }

  #mustRun(): void {
    for (const { exitCode, signalCode } of [this.#child, this.#bystander]) {
      if (exitCode === null && signalCode === null) continue;
      throw new Error(`the prober ended with ${exitCode ?? signalCode}: ${this.#errors}`);
    }
  }
}
