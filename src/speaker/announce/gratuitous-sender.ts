/** Sends the frames that announce VIPs unasked when they are due, link by link. */
import type { Ip } from '../../addr/ip.ts';
import { lateMs } from '../../election/listening.ts';
import type { FrameSender, SendOutcome } from '../../linux/frame-sender.ts';
import type { LinkVips } from '../../linux/worker/responder-thread.ts';
import { encodeUnsolicited } from '../../neighbor/gratuitous-frames.ts';
import {
  type BurstState,
  type DueFrame,
  dueFrames,
  idleBursts,
  keepBursts,
  nextDueMs,
  planBursts,
  repeatBursts,
} from '../../neighbor/gratuitous-schedule.ts';
import type { Logger } from '../../runtime/logger.ts';

type Link = LinkVips['link'];

/** What a sender of bursts works with. */
export interface BurstSenderOptions {
  readonly log: Logger;
  readonly open: (link: Link) => FrameSender;
  /** Nothing is sent on a link any more, until the next `apply` that names it. */
  readonly onLinkFailed: () => void;
  /** A round comes late: the process may have been stopped. Decides anew, and withdraws what that takes away, before it returns. */
  readonly onLate?: () => void;
}

interface Burst {
  readonly link: Link;
  readonly sender: FrameSender;
  state: BurstState;
  /** The link's queue is full: nothing is sent before. */
  holdUntilMs: number;
}

/** A link whose queue is full is tried again after this time. */
const retryMs = 100;

/** Owns the schedule of every link. */
export class BurstSender {
  readonly #options: BurstSenderOptions;
  readonly #bursts = new Map<string, Burst>();
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;

  constructor(options: BurstSenderOptions) {
    this.#options = options;
  }

  /** Takes the whole desired state: new VIPs start a burst at once, others go on, those gone send nothing more. */
  apply(desired: readonly LinkVips[]): void {
    const now = performance.now();
    const announcing = desired.filter(({ vips }) => vips.length > 0);
    const wanted = new Map(announcing.map((entry) => [linkKey(entry.link), entry]));
    for (const [key, burst] of this.#bursts) if (!wanted.has(key)) this.#end(key, burst);
    for (const [key, { link, vips }] of wanted) {
      const burst = this.#bursts.get(key) ?? this.#begin(key, link);
      if (burst) burst.state = planBursts(burst.state, vips, now);
    }
    this.#sendDue();
  }

  /** Says nothing more of VIPs that are not in this state. What is new in it waits for `apply`. */
  withdraw(desired: readonly LinkVips[]): void {
    const wanted = new Map(desired.map(({ link, vips }) => [linkKey(link), new Set(vips)]));
    for (const [key, burst] of this.#bursts) burst.state = keepBursts(burst.state, wanted.get(key) ?? new Set());
  }

  /** These VIPs are announced anew, wherever they are announced. */
  repeat(vips: readonly Ip[]): void {
    const now = performance.now();
    for (const burst of this.#bursts.values()) burst.state = repeatBursts(burst.state, vips, now);
    this.#sendDue();
  }

  /** Sends nothing more. */
  close(): void {
    clearTimeout(this.#timer);
    for (const [key, burst] of this.#bursts) this.#end(key, burst);
  }

  #begin(key: string, link: Link): Burst | undefined {
    try {
      const burst = { link, sender: this.#options.open(link), state: idleBursts, holdUntilMs: 0 };
      this.#bursts.set(key, burst);
      return burst;
    } catch (error) {
      this.#failed(link, { err: error });
      return undefined;
    }
  }

  #end(key: string, burst: Burst): void {
    burst.sender.close();
    this.#bursts.delete(key);
  }

  #failed(link: Link, why: { readonly err: unknown } | { readonly reason: string }): void {
    this.#options.log.warn({ link: link.name, ...why }, 'link cannot send');
    this.#options.onLinkFailed();
  }

  /** Neighbors believe whoever spoke last: after a sleep it must be clear first who holds what. */
  #wake = (): void => {
    if (performance.now() - this.#dueAt > lateMs) this.#options.onLate?.();
    this.#sendDue();
  };

  #sendDue(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [key, burst] of this.#bursts) {
      if (burst.holdUntilMs <= now) this.#sendOn(key, burst, now);
      if (!this.#bursts.has(key)) continue;
      next = Math.min(next, Math.max(burst.holdUntilMs - now, nextDueMs(burst.state, now) ?? next));
    }
    if (!Number.isFinite(next)) return;
    this.#dueAt = now + next;
    this.#timer = setTimeout(this.#wake, Math.max(next, 1));
  }

  /** One round of one link. Where the queue is full the whole round is due again: neighbors may hear a frame twice. */
  #sendOn(key: string, burst: Burst, now: number): void {
    const { frames, state } = dueFrames(burst.state, now);
    const { outcome, err } = sendAll(burst, frames);
    if (outcome === 'Sent') burst.state = state;
    else if (outcome === 'QueueFull') burst.holdUntilMs = now + retryMs;
    else {
      this.#end(key, burst);
      this.#failed(burst.link, err === undefined ? { reason: outcome } : { err });
    }
  }
}

/** Sends until the link takes no more. A fault of the kernel is this link's alone: it must not end the timer of all. */
function sendAll(
  { link, sender }: Burst,
  frames: readonly DueFrame[],
): { readonly outcome: SendOutcome | 'Fault'; readonly err?: unknown } {
  try {
    for (const frame of frames) {
      const outcome = sender.send(encodeUnsolicited(link.mac, frame));
      if (outcome !== 'Sent') return { outcome };
    }
    return { outcome: 'Sent' };
  } catch (err) {
    return { outcome: 'Fault', err };
  }
}

/** A link that got another MAC or index is another link to its neighbors: its VIPs are announced anew. */
function linkKey({ name, index, mac }: Link): string {
  return `${name}/${index}/${mac}`;
}
