/** Sends the gratuitous ARPs that are due, link by link, until all bursts are over. */
import type { Ip } from '../addr/ip.ts';
import { dueGarp, encodeGarp, type GarpState, idleGarp, nextGarpMs, planGarp } from '../announce/garp.ts';
import type { FrameSender } from '../linux/frame-sender.ts';
import type { Link } from '../linux/links.ts';
import type { Logger } from '../runtime/logger.ts';

/** A link and the VIPs that this node announces on it. */
export interface LinkVips {
  readonly link: Link;
  readonly vips: readonly Ip[];
}

interface Burst {
  readonly link: Link;
  readonly sender: FrameSender;
  state: GarpState;
}

/** Owns the schedule of every link. */
export class GarpSender {
  readonly #log: Logger;
  readonly #open: (link: Link) => FrameSender;
  readonly #bursts = new Map<string, Burst>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger, open: (link: Link) => FrameSender) {
    this.#log = log;
    this.#open = open;
  }

  /** Takes the whole desired state: new VIPs start a burst at once, others go on, those gone send nothing more. */
  apply(desired: readonly LinkVips[]): void {
    const now = performance.now();
    const wanted = new Map(desired.map((entry) => [linkKey(entry.link), entry]));
    for (const [key, burst] of this.#bursts) if (!wanted.has(key)) this.#end(key, burst);
    for (const [key, { link, vips }] of wanted) {
      const burst = this.#bursts.get(key) ?? this.#begin(key, link);
      if (burst) burst.state = planGarp(burst.state, vips, now);
    }
    this.#sendDue();
  }

  /** Sends nothing more. */
  close(): void {
    clearTimeout(this.#timer);
    for (const [key, burst] of this.#bursts) this.#end(key, burst);
  }

  #begin(key: string, link: Link): Burst | undefined {
    try {
      const burst = { link, sender: this.#open(link), state: idleGarp };
      this.#bursts.set(key, burst);
      return burst;
    } catch (error) {
      this.#log.warn({ link: link.name, err: error }, 'link cannot send');
      return undefined;
    }
  }

  #end(key: string, burst: Burst): void {
    burst.sender.close();
    this.#bursts.delete(key);
  }

  #sendDue = (): void => {
    clearTimeout(this.#timer);
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const burst of this.#bursts.values()) {
      const { frames, state } = dueGarp(burst.state, now);
      burst.state = state;
      for (const frame of frames) burst.sender.send(encodeGarp(burst.link.mac, frame));
      next = Math.min(next, nextGarpMs(state, now) ?? next);
    }
    if (Number.isFinite(next)) this.#timer = setTimeout(this.#sendDue, Math.max(next, 1));
  };
}

/** A link that got another MAC or index is another link to its neighbours: its VIPs are announced anew. */
function linkKey({ name, index, mac }: Link): string {
  return `${name}/${index}/${mac}`;
}
