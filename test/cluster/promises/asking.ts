/** The client sends requests again and again, each with a new connection, while a test changes something. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Lab } from '../../lab/cluster.ts';
import { type Target, url } from './client.ts';
import { eventually } from './patience.ts';

/** How many requests the client sends, one after the other. */
const perSecond = 25;

/** Sends requests until it is ended. */
export class Asking {
  readonly #child: ChildProcess;
  readonly #unconnected: string[] = [];
  readonly #broken: string[] = [];
  #asked = 0;
  #said = '';

  constructor(lab: Lab, target: Target, path = '/hostname') {
    const format = '%{http_code} %{exitcode} %{time_connect} %{time_total} port %{local_port}\\n';
    const quiet = ['-s', '-o', '/dev/null', '-H', 'Connection: close', '--max-time', '2'];
    const urls = `${url(target)}${path}?[1-1000000]`;
    this.#child = lab.client.spawn(['curl', ...quiet, '--rate', `${perSecond}/s`, '-w', format, urls], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stderr?.on('data', (text) => {
      this.#said += text;
    });
    if (this.#child.stdout) createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(line));
  }

  /** The attempts that did not connect: curl's report of each. */
  get unconnected(): readonly string[] {
    return this.#unconnected;
  }

  /** The attempts that connected and got no answer. */
  get broken(): readonly string[] {
    return this.#broken;
  }

  /** Waits for `count` more attempts, whatever their results are. */
  async more(count: number): Promise<void> {
    const wanted = this.#asked + count;
    await eventually(`${count} more attempts`, () => {
      const { exitCode, signalCode } = this.#child;
      if (exitCode !== null || signalCode !== null) throw new Error(`curl ended: ${this.#said}`);
      return this.#asked >= wanted;
    });
  }

  /** Ends the requests. */
  end(): void {
    this.#child.kill('SIGKILL');
  }

  #take(line: string): void {
    const [status, code, connected] = line.split(' ');
    this.#asked++;
    if (status === '200' && code === '0') return;
    (Number(connected) > 0 ? this.#broken : this.#unconnected).push(line);
  }
}
