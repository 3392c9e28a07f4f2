/** Sends this node's claims to the peers, in small portions with a pause after each. */
import type { ClaimDelta } from '../../liveness/messages.ts';
import type { Outbox } from '../../liveness/outbox.ts';
import type { Cancel, Clock } from '../../runtime/clock.ts';

/** The parts that the sender works with. */
interface ClaimSenderParts {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly send: (node: string, message: ClaimDelta) => void;
}

/** Between the end of a full sync to a peer and the next one is at least this time. */
const fullSyncPauseMs = 200;
/** Between two portions of claims is this time, for heartbeats and all other work. */
const portionPauseMs = 2;

/** Sends what waits in the backlog of the outbox. */
export class ClaimSender {
  readonly #parts: ClaimSenderParts;
  readonly #syncedAt = new Map<string, number>();
  #next: Cancel | undefined;

  constructor(parts: ClaimSenderParts) {
    this.#parts = parts;
  }

  /** Sends a portion at once, and the rest later. Without effect while a portion is due. */
  begin(): void {
    if (this.#next === undefined) this.#sendPortion();
  }

  /** Sends all claims to a peer that requests them. While claims for the peer wait, it cannot know all of them. */
  sync(node: string): void {
    const { outbox, clock } = this.#parts;
    if (outbox.backlog.has(node)) return;
    if (clock.now() - (this.#syncedAt.get(node) ?? Number.NEGATIVE_INFINITY) < fullSyncPauseMs) return;
    outbox.queueFullSync(node);
    this.begin();
  }

  /** Sends nothing more. */
  close(): void {
    this.#next?.();
  }

  #sendPortion = (): void => {
    const { outbox, clock, send } = this.#parts;
    this.#next = undefined;
    for (const { node, message } of outbox.backlog.take()) {
      send(node, message);
      if (message.fullSync) this.#syncedAt.set(node, clock.now());
    }
    if (!outbox.backlog.isEmpty) this.#next = clock.after(portionPauseMs, this.#sendPortion);
  };
}
