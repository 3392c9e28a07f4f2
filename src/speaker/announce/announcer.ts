/** Applies what this node announces to its links: first the answers to requests, then the gratuitous frames. */
import type { Ip } from '../../addr/ip.ts';
import { openFrameSender } from '../../linux/frame-sender.ts';
import { SolicitedGroups } from '../../linux/solicited-groups.ts';
import type { ResponderCounters } from '../../linux/worker/responder-memory.ts';
import type { HeardClaim } from '../../linux/worker/responder-messages.ts';
import { type LinkVips, startResponder } from '../../linux/worker/responder-thread.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { Logger } from '../../runtime/logger.ts';
import { BurstSender } from './gratuitous-sender.ts';

/** The packet worker, the multicast groups of the links and the sender of gratuitous frames, as one part. */
export interface Announcer {
  /** A link failed: nothing is answered or sent on it until the next `apply`. */
  readonly linkFailed: Emitter;
  /** A frame showed that another host answers for an address, or uses it as its own. */
  readonly heard: Emitter<[claim: HeardClaim]>;
  /** This process may have been paused. A receiver must decide again, and call `apply` with the result, before it returns. */
  readonly stalled: Emitter;
  /** The packet worker ended by a program error. */
  readonly threadFailed: Emitter<[error: Error]>;
  /** Applies the whole desired state. Does nothing if it is in effect already. */
  apply(desired: readonly LinkVips[]): Promise<void>;
  /** Announces these VIPs to the neighbors again. */
  repeat(vips: readonly Ip[]): void;
  /** Milliseconds since the last heartbeat of the packet worker. */
  workerAgeMs(): number;
  /** Why the packet worker answers no request; undefined while it works. */
  fault(): string | undefined;
  /** The number of frames so far, by outcome. */
  counters(): ResponderCounters;
  /** Closes all parts. Returns the final counters. */
  close(): Promise<ResponderCounters>;
}

/** A packet worker without a heartbeat for this long answers no request: the liveness check fails, and the process is restarted. */
const workerSilenceMs = 5_000;

/** The functions by which an announcer uses the kernel. */
interface AnnouncerKernel {
  readonly startResponder: typeof startResponder;
  readonly openFrameSender: typeof openFrameSender;
}

/** Starts the packet worker. Rejects where the process may not open packet sockets. */
export async function startAnnouncer(
  log: Logger,
  kernel: AnnouncerKernel = { startResponder, openFrameSender },
): Promise<Announcer> {
  const events = {
    linkFailed: new Emitter(),
    heard: new Emitter<[claim: HeardClaim]>(),
    stalled: new Emitter(),
    threadFailed: new Emitter<[error: Error]>(),
  };
  let inEffect: readonly LinkVips[] | undefined;
  let newest: readonly LinkVips[] = [];
  const linkFailed = () => {
    inEffect = undefined;
    events.linkFailed.emit();
  };
  const responder = await kernel.startResponder({
    onLinkFailed: ({ link, code, message }) => {
      log.warn({ link, reason: code, message }, 'cannot answer requests on a link');
      linkFailed();
    },
    onHeard: events.heard.emit,
    onStalled: (ms) => {
      log.warn({ ms: Math.round(ms) }, 'packet worker was paused');
      events.stalled.emit();
    },
    onThreadFailed: events.threadFailed.emit,
  });
  const groups = new SolicitedGroups(({ link, code, message }) => {
    log.warn(
      { link, reason: code, message },
      'cannot join a solicited-node group: switches may not forward Neighbor Solicitations to this link',
    );
    // The link itself may work: the next pass tries again.
    inEffect = undefined;
  });
  const { openFrameSender: open } = kernel;
  const bursts = new BurstSender({ log, open, onLinkFailed: linkFailed, onLate: events.stalled.emit });

  return {
    ...events,
    apply: async (desired) => {
      if (inEffect !== undefined && isSameState(inEffect, desired)) return;
      // Set before the wait: a link that fails meanwhile resets it.
      inEffect = desired;
      newest = desired;
      // A VIP that was given up must not be announced while the packet worker applies the new state.
      bursts.withdraw(desired);
      // A host that hears the announcement may send a request at once: the packet worker must be able to answer it.
      await responder.apply(desired);
      // Another state may have been applied meanwhile, without some of these VIPs.
      const still = desired === newest ? desired : within(desired, newest);
      groups.apply(still);
      bursts.apply(still);
    },
    repeat: (vips) => bursts.repeat(vips),
    workerAgeMs: responder.heartbeatAgeMs,
    counters: () => responder.counters(),
    fault: () => {
      const ms = responder.heartbeatAgeMs();
      return ms > workerSilenceMs ? `no heartbeat of the packet worker for ${Math.round(ms)} ms` : undefined;
    },
    close: async () => {
      bursts.close();
      groups.close();
      await responder.close();
      return responder.counters();
    },
  };
}

/** The part of a state that another state has, too. */
function within(state: readonly LinkVips[], other: readonly LinkVips[]): readonly LinkVips[] {
  return state.flatMap((entry) => {
    const same = other.find(({ link }) => isSameLinkName(link, entry.link));
    const wanted = new Set(same?.vips);
    return same === undefined ? [] : [{ ...entry, vips: entry.vips.filter((vip) => wanted.has(vip)) }];
  });
}

/** Whether both states have the same VIPs on the same links. Other facts of a link do not matter. Another order counts as a change. */
export function isSameState(a: readonly LinkVips[], b: readonly LinkVips[]): boolean {
  return a.length === b.length && a.every((entry, i) => isSameLink(entry, b[i]));
}

function isSameLink(a: LinkVips, b: LinkVips | undefined): boolean {
  if (b === undefined || a.vips.length !== b.vips.length) return false;
  if (!isSameLinkName(a.link, b.link)) return false;
  if (`${a.listens ?? []}` !== `${b.listens ?? []}`) return false;
  if (JSON.stringify(a.standIns ?? []) !== JSON.stringify(b.standIns ?? [])) return false;
  return a.vips.every((vip, i) => vip === b.vips[i]);
}

function isSameLinkName(a: LinkVips['link'], b: LinkVips['link']): boolean {
  return a.name === b.name && a.index === b.index && a.mac === b.mac;
}
