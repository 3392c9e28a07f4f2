/** Asks every one of some addresses all the while. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { LabHost } from '../lab/cluster.ts';

/** What became of the attempts to reach an address. */
export interface Asked {
  count: number;
  readonly failures: string[];
  /** Connections that were taken and then ended without an answer: they were under way when their address went to another node. */
  readonly broken: string[];
  /** Until the longest attempt was taken by the kernel at the other end: whether the machine is slow to answer has no say in it. */
  longestConnectMs: number;
}

/** A first packet that is lost is sent again after a second (RFC 6298). */
const lostMs = 950;

/** Attempts that go on until their end is asked for. */
export class Everything {
  readonly #child: ChildProcess;
  readonly #told: Promise<string>;
  #errors = '';

  /** Begins; each target is an address and port, as in a URL. */
  constructor(client: LabHost, targets: readonly string[]) {
    const program = new URL('./every-process.ts', import.meta.url).pathname;
    this.#child = client.spawn([process.execPath, program, JSON.stringify(targets)], { stdio: 'pipe' });
    assert.ok(this.#child.stdout && this.#child.stderr);
    this.#told = text(this.#child.stdout);
    this.#child.stderr.on('data', (piece) => (this.#errors += piece));
  }

  /**
   * Ends it: every one was asked, and each attempt to connect was taken, without a packet that was lost. Each address has moved once: of a
   * pair of load balancers neither keeps the connections of the other, so one that was under way in that moment may have ended.
   */
  async wasServed(atLeast: number): Promise<void> {
    this.#child.stdin?.end();
    const told = await this.#told;
    assert.equal(this.#errors, '');
    const wrong = Object.entries(JSON.parse(told) as Readonly<Record<string, Asked>>).filter(
      ([, { count, failures, broken, longestConnectMs }]) =>
        count < atLeast || failures.length > 0 || broken.length > 1 || longestConnectMs > lostMs,
    );
    assert.deepEqual(wrong, []);
  }

  /** Ends it, whatever has come of it. */
  close(): void {
    this.#child.kill('SIGKILL');
  }
}
