/**
 * Messages with claims that wait to be sent. After a takeover of thousands of VIPs there are thousands of them, and
 * their sending takes seconds. They are sent in small portions: meanwhile the speaker sends its heartbeats, announces
 * the VIPs and hears its peers, and the receiver's buffer is not filled faster than it is read.
 */
import type { ClaimDelta } from './messages.ts';

/** Writes a message when it is sent; undefined if it has become needless. */
type Writer = () => ClaimDelta | undefined;

/** At most this many messages are in one portion, in all and for each peer. */
const portionMost = 100;
const portionPerPeer = 16;

/** Messages by peer, in order. */
export class Backlog {
  readonly #waiting = new Map<string, Writer[]>();

  /** Is there anything for any peer? */
  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Is there anything for this peer? */
  has(node: string): boolean {
    return this.#waiting.has(node);
  }

  /** Adds messages for a peer. */
  add(node: string, writers: readonly Writer[]): void {
    if (writers.length === 0) return;
    const before = this.#waiting.get(node);
    if (before) before.push(...writers);
    else this.#waiting.set(node, [...writers]);
  }

  /** The next portion. All peers get their share of it. */
  take(): readonly { readonly node: string; readonly message: ClaimDelta }[] {
    const share = Math.max(1, Math.min(portionPerPeer, Math.floor(portionMost / Math.max(1, this.#waiting.size))));
    const portion: { readonly node: string; readonly message: ClaimDelta }[] = [];
    for (const [node, writers] of [...this.#waiting]) {
      if (portion.length >= portionMost) break;
      for (const write of writers.splice(0, share)) {
        const message = write();
        if (message) portion.push({ node, message });
      }
      // The peers take turns.
      this.#waiting.delete(node);
      if (writers.length > 0) this.#waiting.set(node, writers);
    }
    return portion;
  }
}
