/** Puts what this node announces into effect on its links: first the answers, then the frames that announce it unasked. */
import type { Ip } from '../../addr/ip.ts';
import { openFrameSender } from '../../linux/frame-sender.ts';
import { SolicitedGroups } from '../../linux/solicited-groups.ts';
import type { ResponderCounters } from '../../linux/worker/responder-memory.ts';
import { type LinkVips, startResponder } from '../../linux/worker/responder-thread.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { Logger } from '../../runtime/logger.ts';
import { BurstSender } from './gratuitous-sender.ts';

/** The packet worker, the memberships in groups and the sender of gratuitous frames as one. */
export interface Announcer {
  /** Nothing is answered or sent on some link, until the next `apply`. */
  readonly linkFailed: Emitter;
  /** Another host answers for an address, or uses it as its own. */
  readonly heard: Emitter<[address: string, mac: string]>;
  /** This process may have been stopped: a receiver decides anew, and calls `apply` with what that brings, before it returns. */
  readonly stalled: Emitter;
  /** The packet worker ended by a fault of the program. */
  readonly threadFailed: Emitter<[error: Error]>;
  /** The whole desired state; does nothing if it is in effect already. */
  apply(desired: readonly LinkVips[]): Promise<void>;
  /** Tells the neighbors again where these VIPs are. */
  repeat(vips: readonly Ip[]): void;
  /** Milliseconds since the packet worker turned. */
  workerAgeMs(): number;
  /** Why the packet worker answers nobody, undefined while it is well. */
  fault(): string | undefined;
  /** What became of all frames so far. */
  counters(): ResponderCounters;
  /** Ends both; gives what became of all frames. */
  close(): Promise<ResponderCounters>;
}

/** A packet worker whose loop has not turned for so long answers nobody: the process is restarted. */
const workerSilenceMs = 5_000;

/** What an announcer does to the kernel. */
export interface AnnouncerKernel {
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
    heard: new Emitter<[address: string, mac: string]>(),
    stalled: new Emitter(),
    threadFailed: new Emitter<[error: Error]>(),
  };
  let inEffect: readonly LinkVips[] | undefined;
  const linkFailed = () => {
    inEffect = undefined;
    events.linkFailed.emit();
  };
  const responder = await kernel.startResponder({
    onLinkFailed: ({ link, code, message }) => {
      log.warn({ link, reason: code, message }, 'link does not answer');
      linkFailed();
    },
    onHeard: ({ address, mac }) => events.heard.emit(address, mac),
    onStalled: (ms) => {
      log.warn({ ms: Math.round(ms) }, 'packet worker stood still');
      events.stalled.emit();
    },
    onThreadFailed: events.threadFailed.emit,
  });
  const groups = new SolicitedGroups(({ link, code, message }) => {
    log.warn({ link, reason: code, message }, 'switches may keep Neighbor Solicitations from this link');
    // The link itself may be well: the next pass tries again.
    inEffect = undefined;
  });
  const { openFrameSender: open } = kernel;
  const bursts = new BurstSender({ log, open, onLinkFailed: linkFailed, onLate: events.stalled.emit });

  return {
    ...events,
    apply: async (desired) => {
      if (inEffect !== undefined && isSameState(inEffect, desired)) return;
      // Noted before the wait: a link that fails meanwhile takes the note away.
      inEffect = desired;
      // What is given up must not be announced while the packet worker takes that in.
      bursts.withdraw(desired);
      // Whoever hears of the VIP may ask for it at once: the answer must be there first.
      await responder.apply(desired);
      groups.apply(desired);
      bursts.apply(desired);
    },
    repeat: (vips) => bursts.repeat(vips),
    workerAgeMs: responder.heartbeatAgeMs,
    counters: () => responder.counters(),
    fault: () => {
      const ms = responder.heartbeatAgeMs();
      return ms > workerSilenceMs ? `the packet worker has not turned for ${Math.round(ms)} ms` : undefined;
    },
    close: async () => {
      bursts.close();
      groups.close();
      await responder.close();
      return responder.counters();
    },
  };
}

/** The same VIPs on the same links; what else is known of a link does not matter. Another order counts as a change. */
export function isSameState(a: readonly LinkVips[], b: readonly LinkVips[]): boolean {
  return a.length === b.length && a.every((entry, i) => isSameLink(entry, b[i]));
}

function isSameLink(a: LinkVips, b: LinkVips | undefined): boolean {
  if (b === undefined || a.vips.length !== b.vips.length) return false;
  const { name, index, mac } = b.link;
  if (a.link.name !== name || a.link.index !== index || a.link.mac !== mac) return false;
  if (`${a.listens ?? []}` !== `${b.listens ?? []}`) return false;
  if (JSON.stringify(a.standIns ?? []) !== JSON.stringify(b.standIns ?? [])) return false;
  return a.vips.every((vip, i) => vip === b.vips[i]);
}
