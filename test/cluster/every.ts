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
/**
 * From one load balancer to the other; and, while the speakers of the former one end one after the other, to the next of them, which tells
 * all hosts that it has the address, and back.
 */
const mostMoves = 3;

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
   * Ends it: every one was asked, and each attempt to connect was taken, without a packet that was lost. One that was under way while its
   * address moved may have ended: of a pair of load balancers neither keeps the connections of the other.
   */
  async wasServed(atLeast: number): Promise<void> {
    this.#child.stdin?.end();
    const told = await this.#told;
    assert.equal(this.#errors, '');
    const wrong = Object.entries(JSON.parse(told) as Readonly<Record<string, Asked>>).filter(
      ([, { count, failures, broken, longestConnectMs }]) =>
        count < atLeast || failures.length > 0 || broken.length > mostMoves || longestConnectMs > lostMs,
    );
    assert.deepEqual(wrong, []);
  }

  /** Ends it, whatever has come of it. */
  close(): void {
    this.#child.kill('SIGKILL');
  }
}
