/** The client asks again and again, each time with a new connection, while something is changed. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Lab } from '../../lab/cluster.ts';
import { type Target, url } from './client.ts';
import { eventually } from './patience.ts';

/** One after the other, as fast as that. */
const perSecond = 25;

/** Asks until it is ended. */
export class Asking {
  readonly #child: ChildProcess;
  readonly #failures: string[] = [];
  #answers = 0;
  #said = '';

  constructor(lab: Lab, target: Target, path = '/hostname') {
    const format = '%{http_code} %{exitcode} %{local_port} %{time_total} s\\n';
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

  /** The attempts that got no answer: what curl says of each. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Waits until it has asked so many times more, whatever came of it. */
  async moreAnswers(count: number): Promise<void> {
    const [wanted, failed] = [this.#answers + count, this.#failures.length];
    await eventually(`${count} more answers`, () => {
      const { exitCode, signalCode } = this.#child;
      if (exitCode !== null || signalCode !== null) throw new Error(`curl ended: ${this.#said}`);
      return this.#answers + this.#failures.length - failed >= wanted;
    });
  }

  /** Ends it. */
  end(): void {
    this.#child.kill('SIGKILL');
  }

  #take(line: string): void {
    if (line.startsWith('200 0 ')) this.#answers++;
    else this.#failures.push(line);
  }
}
