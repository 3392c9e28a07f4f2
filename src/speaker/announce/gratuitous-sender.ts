/** Sends gratuitous ARP and unsolicited Neighbor Advertisements for VIPs when they are due, link by link. */
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

/** The parts that a sender of bursts works with. */
interface BurstSenderOptions {
  readonly log: Logger;
  readonly open: (link: Link) => FrameSender;
  /** A link failed: nothing is sent on it until the next `apply` that names it. */
  readonly onLinkFailed: () => void;
  /**
   * A round is late: the process may have been paused. The callee must decide again, and withdraw the VIPs that this node holds no more, before
   * it returns.
   */
  readonly onLate?: () => void;
}

interface Burst {
  readonly link: Link;
  readonly sender: FrameSender;
  state: BurstState;
  /** The link's queue was full: nothing is sent before this time. */
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

  /** Sets the whole desired state: new VIPs start a burst at once, known VIPs continue theirs, removed VIPs are announced no more. */
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

  /** Stops the announcements of VIPs that are not in this state. New VIPs in it wait for `apply`. */
  withdraw(desired: readonly LinkVips[]): void {
    const wanted = new Map(desired.map(({ link, vips }) => [linkKey(link), new Set(vips)]));
    for (const [key, burst] of this.#bursts) burst.state = keepBursts(burst.state, wanted.get(key) ?? new Set());
  }

  /** Starts a new burst for these VIPs on every link on which they are announced. */
  repeat(vips: readonly Ip[]): void {
    const now = performance.now();
    for (const burst of this.#bursts.values()) burst.state = repeatBursts(burst.state, vips, now);
    this.#sendDue();
  }

  /** Closes all links. Nothing is sent afterwards. */
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
    this.#options.log.warn({ link: link.name, ...why }, 'cannot send on a link');
    this.#options.onLinkFailed();
  }

  /** Neighbors believe the host that they heard last. After a pause the election must decide first which VIPs this node still holds. */
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

  /** Sends one round on one link. If the queue is full, the whole round is due again: neighbors may hear a frame twice. */
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

/** Sends until the link accepts no more. A kernel error concerns one link only: it must not end the timer of all links. */
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

/** A link whose MAC or index has changed counts as another link: its VIPs are announced again. */
function linkKey({ name, index, mac }: Link): string {
  return `${name}/${index}/${mac}`;
}
