/**
 * Sends requests from a host of the lab, by a process that stays there. A new process for each request would cost
 * more than the request itself. Each request uses a new connection, as a new process would.
 */
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { LabHost } from '../lab/cluster.ts';
import type { AnswerLine, Answers, Ask, HttpAsk, Reply, SolicitAsk, UdpAsk } from './asks.ts';

/** The running processes, by the network namespace of their host. */
const askers = new Map<string, Asker>();

/** The request process of a host. If it has ended, for example together with its host, a new one is started. */
export function askerOf(host: LabHost): Asker {
  const running = askers.get(host.namespace);
  if (running?.isAlive) return running;
  const asker = new Asker(host);
  askers.set(host.namespace, asker);
  return asker;
}

/** A request process. It ends with the process that started it, and keeps that process alive only while an answer is due. */
export class Asker {
  readonly #host: LabHost;
  readonly #child: ChildProcess;
  readonly #open = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;
  #said = '';

  constructor(host: LabHost) {
    this.#host = host;
    const program = new URL('./asker-process.ts', import.meta.url).pathname;
    this.#child = host.spawn([process.execPath, program], { stdio: 'pipe' });
    this.#child.stderr?.on('data', (text) => {
      this.#said += text;
    });
    if (this.#child.stdout) createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(line));
    this.#child.stdin?.on('error', () => {});
    this.#child.once('exit', () => this.#fail());
    this.#hold(false);
  }

  /** Whether the process still runs. */
  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The results of connections over HTTP. */
  http(ask: Omit<HttpAsk, 'do'>): Promise<readonly Reply[]> {
    return this.#ask({ do: 'http', ...ask });
  }

  /** The result of a datagram. */
  udp(ask: Omit<UdpAsk, 'do'>): Promise<Reply> {
    return this.#ask({ do: 'udp', ...ask });
  }

  /** The MACs in the answers to Neighbor Solicitations. */
  solicit(ask: Omit<SolicitAsk, 'do'>): Promise<readonly string[]> {
    return this.#ask({ do: 'solicit', ...ask });
  }

  #ask<K extends Ask['do']>(ask: Ask & { readonly do: K }): Promise<Answers[K]> {
    const id = ++this.#last;
    const answer = Promise.withResolvers<unknown>();
    this.#open.set(id, answer);
    this.#hold(true);
    this.#child.stdin?.write(`${JSON.stringify({ id, ask })}\n`);
    return answer.promise as Promise<Answers[K]>;
  }

  #take(line: string): void {
    const told = JSON.parse(line) as AnswerLine;
    const answer = this.#open.get(told.id);
    this.#open.delete(told.id);
    if ('error' in told) answer?.reject(new Error(`${this.#host.name} cannot send the request: ${told.error}`));
    else answer?.resolve(told.answer);
    if (this.#open.size === 0) this.#hold(false);
  }

  #fail(): void {
    const { exitCode, signalCode } = this.#child;
    const ended = new Error(
      `the request process of ${this.#host.name} ended (${exitCode ?? signalCode}): ${this.#said}`,
    );
    for (const answer of this.#open.values()) answer.reject(ended);
    this.#open.clear();
  }

  /** Decides whether this process stays alive until the request process has ended. */
  #hold(isHeld: boolean): void {
    const pipes = [this.#child.stdin, this.#child.stdout, this.#child.stderr] as readonly (Socket | null)[];
    for (const each of [this.#child, ...pipes]) {
      if (isHeld) each?.ref();
      else each?.unref();
    }
  }
}
