/** Sends requests to several addresses all the time. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { LabHost } from '../lab/cluster.ts';

/** The results of the attempts to reach an address. */
export interface Asked {
  count: number;
  readonly failures: string[];
  /** Connections that were accepted and then ended without an answer: they were open when their address moved to another node. */
  readonly broken: string[];
  /** The longest time until the kernel at the other end accepted a connection. A slow answer after that does not count. */
  longestConnectMs: number;
}

/** A lost SYN is sent again after a second (RFC 6298), so a connection that takes less time has lost none. */
const lostMs = 950;
/**
 * An address moves from the former load balancer to Berth. The speakers of the former one end one after the other: meanwhile the address
 * may move to the next of them, which announces it to all hosts, and back.
 */
const mostMoves = 3;

/** Attempts that continue until they are ended. */
export class Everything {
  readonly #child: ChildProcess;
  readonly #told: Promise<string>;
  #errors = '';

  /** Starts the attempts. Each target is an address and port, as in a URL. */
  constructor(client: LabHost, targets: readonly string[]) {
    const program = new URL('./every-process.ts', import.meta.url).pathname;
    this.#child = client.spawn([process.execPath, program, JSON.stringify(targets)], { stdio: 'pipe' });
    assert.ok(this.#child.stdout && this.#child.stderr);
    this.#told = text(this.#child.stdout);
    this.#child.stderr.on('data', (piece) => (this.#errors += piece));
  }

  /**
   * Ends the attempts and checks them: each address had enough attempts, and each connection was accepted without a lost packet.
   * A connection that was open while its address moved may have ended: neither load balancer keeps the connections of the other.
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

  /** Ends the attempts without a check. */
  close(): void {
    this.#child.kill('SIGKILL');
  }
}
