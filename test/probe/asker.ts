/**
 * Questions from a host of the lab, by a process that stays there: a program started for each question would cost more than what it asks
 * about. Each question is a new connection, as with a program of its own.
 */
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { LabHost } from '../lab/cluster.ts';
import type { AnswerLine, Answers, Ask, HttpAsk, Reply, SolicitAsk, UdpAsk } from './asks.ts';

/** The processes that run, by the network namespaces of their hosts. */
const askers = new Map<string, Asker>();

/** The asking process of a host; one that has ended, as with its host, is followed by another one. */
export function askerOf(host: LabHost): Asker {
  const running = askers.get(host.namespace);
  if (running?.isAlive) return running;
  const asker = new Asker(host);
  askers.set(host.namespace, asker);
  return asker;
}

/** A process that asks. It ends with this one, and keeps it alive only while it owes an answer. */
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

  /** Does it still run? */
  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What came of connections over HTTP. */
  http(ask: Omit<HttpAsk, 'do'>): Promise<readonly Reply[]> {
    return this.#ask({ do: 'http', ...ask });
  }

  /** What came of a datagram. */
  udp(ask: Omit<UdpAsk, 'do'>): Promise<Reply> {
    return this.#ask({ do: 'udp', ...ask });
  }

  /** The MACs that the answers to Neighbor Solicitations name. */
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
    if ('error' in told) answer?.reject(new Error(`${this.#host.name} cannot ask: ${told.error}`));
    else answer?.resolve(told.answer);
    if (this.#open.size === 0) this.#hold(false);
  }

  #fail(): void {
    const { exitCode, signalCode } = this.#child;
    const ended = new Error(
      `the asking process of ${this.#host.name} ended (${exitCode ?? signalCode}): ${this.#said}`,
    );
    for (const answer of this.#open.values()) answer.reject(ended);
    this.#open.clear();
  }

  /** Whether this process waits for the other one before it ends. */
  #hold(isHeld: boolean): void {
    const pipes = [this.#child.stdin, this.#child.stdout, this.#child.stderr] as readonly (Socket | null)[];
    for (const each of [this.#child, ...pipes]) {
      if (isHeld) each?.ref();
      else each?.unref();
    }
  }
}
