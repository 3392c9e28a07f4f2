/**
 * The speaker: answers ARP for the VIPs that this node holds.
 *
 *   ledger, Services, nodes --kube/informer--> snapshot --announce/announcements--> placements
 *     placements --announcer, linux/responder--> the packet worker answers   (frame -> announce/responder -> frame)
 *     placements --announcer, announce/garp--> gratuitous ARP on gain
 *
 * Every speaker decides for itself, by the same rule on the same objects: no message, no lock.
 */
import { type Placement, placements } from '../announce/announcements.ts';
import { KubeClient } from '../kube/client.ts';
import { connect } from '../kube/connection.ts';
import { type LinkMonitor, openLinkMonitor } from '../linux/link-monitor.ts';
import type { Link } from '../linux/links.ts';
import type { LinkVips } from '../linux/responder-thread.ts';
import { serveHealth } from '../runtime/health.ts';
import type { Logger } from '../runtime/logger.ts';
import { Loop } from '../runtime/loop.ts';
import { type Announcer, startAnnouncer } from './announcer.ts';
import { clusterSnapshot, isSynced, type Watched, watchAll } from './snapshot.ts';

/** What a speaker is told on its command line. */
export interface SpeakerOptions {
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  readonly nodeName: string;
  /** Labels of the speakers' Pods. */
  readonly peerSelector: string;
  /** Nodes whose speakers run without a Pod. */
  readonly assumeAlive: readonly string[];
  /** `ADDRESS:PORT` of the health endpoint. */
  readonly health: string;
}

/** A pass runs at least this often, and after every change in the cluster or of a link. */
const resyncMs = 5_000;
/** A link that failed is tried again after this time. */
const relinkMs = 1_000;

/** Runs the speaker until the signal aborts. Rejects when it may not open its sockets or cannot start otherwise. */
export async function runSpeaker(options: SpeakerOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const loop = new Loop({ log, resyncMs, pass: () => pass() });
  const monitor = openLinkMonitor(loop.trigger);
  const announcer = await startAnnouncer({
    log,
    onLinkFailed: () => loop.triggerIn(relinkMs),
    onThreadFailed: (error) => failed.abort(error),
  });
  const client = new KubeClient(await connect(options.kubeconfig));
  const peers = { namespace: options.namespace, labelSelector: options.peerSelector };
  const watched = watchAll({ client, log, onChange: loop.trigger }, peers);
  const pass = passOf({ watched, monitor, announcer, options, log });
  const closeHealth = await serveHealth({
    listen: options.health,
    live: { worker: announcer.fault },
    ready: { informers: () => (isSynced(watched) ? undefined : 'first lists are not read yet') },
  });
  const running = AbortSignal.any([signal, failed.signal]);
  try {
    await Promise.all([loop.run(running), ...Object.values(watched).map((informer) => informer.run(running))]);
    failed.signal.throwIfAborted();
  } finally {
    monitor.close();
    const counters = await announcer.close();
    closeHealth();
    client.close();
    log.info(counters, 'frames answered and not answered');
  }
}

/** What a pass works with. */
interface PassParts {
  readonly watched: Watched;
  readonly monitor: LinkMonitor;
  readonly announcer: Announcer;
  readonly options: SpeakerOptions;
  readonly log: Logger;
}

/** One pass: snapshot, decide, apply. It remembers what it told the log. */
function passOf({ watched, monitor, announcer, options, log }: PassParts): () => Promise<void> {
  let before: readonly Placement[] | undefined;
  return async () => {
    if (!isSynced(watched)) return;
    const links = monitor.links();
    const now = placements({ ...clusterSnapshot(watched, options.assumeAlive), self: options.nodeName, links });
    await announcer.apply(byLink(now, links));
    if (before === undefined) log.info({ afterMs: Math.round(performance.now()) }, 'ready');
    logChanges(log, before ?? [], now);
    before = now;
  };
}

/** The whole desired state of the links that announce something. */
function byLink(placed: readonly Placement[], links: readonly Link[]): readonly LinkVips[] {
  const announced = placed.filter((placement) => placement.kind === 'Announce');
  return links
    .map((link) => ({
      link,
      vips: announced.filter(({ links: names }) => names.includes(link.name)).map(({ vip }) => vip),
    }))
    .filter(({ vips }) => vips.length > 0);
}

/** One line per VIP whose state changed. */
function logChanges(log: Logger, before: readonly Placement[], now: readonly Placement[]): void {
  const told = new Map(before.map((placement) => [placement.vip, placement]));
  for (const placement of now) {
    const { vip, holder } = placement;
    const last = told.get(vip);
    told.delete(vip);
    if (JSON.stringify(last) === JSON.stringify(placement)) continue;
    if (placement.kind === 'Announce') log.info({ vip, links: placement.links }, 'announcing');
    else if (last?.kind === 'Announce') log.info({ vip, holder, reason: placement.reason }, 'no longer announcing');
    else if (placement.reason === 'NoUsableLink') log.warn({ vip, reason: placement.reason }, 'not announced');
    else log.debug({ vip, holder, reason: placement.reason }, 'silent');
  }
  for (const [vip, { kind }] of told)
    if (kind === 'Announce') log.info({ vip, reason: 'Released' }, 'no longer announcing');
}
