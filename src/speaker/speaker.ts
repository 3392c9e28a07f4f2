/**
 * The speaker: answers ARP for the VIPs that this node holds.
 *
 *   ledger, Services, nodes --kube/informer--> snapshot --announce/announcements--> placements
 *     placements --linux/responder--> the packet worker answers   (frame -> announce/responder -> frame)
 *     placements --announce/garp--> gratuitous ARP on gain
 *
 * Every speaker decides for itself, by the same rule on the same objects: no message, no lock.
 */
import { type Placement, placements } from '../announce/announcements.ts';
import { KubeClient } from '../kube/client.ts';
import { connect } from '../kube/connection.ts';
import { openFrameSender } from '../linux/frame-sender.ts';
import { type Link, readLinks } from '../linux/links.ts';
import { type ResponderThread, startResponder } from '../linux/responder-thread.ts';
import { serveHealth } from '../runtime/health.ts';
import type { Logger } from '../runtime/logger.ts';
import { Loop } from '../runtime/loop.ts';
import { GarpSender, type LinkVips } from './garp-sender.ts';
import { clusterSnapshot, isSynced, watchAll } from './snapshot.ts';

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

/** Links are read again this often, and after every change in the cluster. */
const resyncMs = 5_000;
/** A link that failed is tried again after this time. */
const relinkMs = 1_000;
/** A packet worker whose loop has not turned for so long answers nobody: the process is restarted. */
const workerSilenceMs = 5_000;

/** Runs the speaker until the signal aborts. Rejects when it may not open packet sockets or cannot start otherwise. */
export async function runSpeaker(options: SpeakerOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const loop = new Loop({ log, resyncMs, pass });
  const failed = new AbortController();
  const responder = await startResponder({
    onLinkFailed: ({ link, code, message }) => {
      log.warn({ link, reason: code, message }, 'link does not answer');
      loop.triggerIn(relinkMs);
    },
    onThreadFailed: (error) => failed.abort(error),
  });
  const garp = new GarpSender(log, openFrameSender);
  const client = new KubeClient(await connect(options.kubeconfig));
  const peers = { namespace: options.namespace, labelSelector: options.peerSelector };
  const watched = watchAll({ client, log, onChange: loop.trigger }, peers);
  const closeHealth = await serveHealth({
    listen: options.health,
    live: { worker: () => silentWorker(responder) },
    ready: { informers: () => (isSynced(watched) ? undefined : 'first lists are not read yet') },
  });
  let before: readonly Placement[] | undefined;

  async function pass(): Promise<void> {
    if (!isSynced(watched)) return;
    const links = readLinks();
    const snapshot = {
      ...clusterSnapshot(watched, options.assumeAlive),
      self: options.nodeName,
      links,
    };
    const now = placements(snapshot);
    const desired = byLink(now, links);
    // Whoever hears the gratuitous ARP may ask at once: the answer must be there first.
    await responder.apply(desired);
    garp.apply(desired);
    if (before === undefined) log.info({ afterMs: Math.round(performance.now()) }, 'ready');
    logChanges(log, before ?? [], now);
    before = now;
  }

  const running = AbortSignal.any([signal, failed.signal]);
  try {
    await Promise.all([loop.run(running), ...Object.values(watched).map((informer) => informer.run(running))]);
    failed.signal.throwIfAborted();
  } finally {
    garp.close();
    await responder.close();
    closeHealth();
    client.close();
    log.info(responder.counters(), 'frames answered and not answered');
  }
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

function silentWorker(responder: ResponderThread): string | undefined {
  const ms = responder.beatAgeMs();
  return ms > workerSilenceMs ? `the packet worker has not turned for ${Math.round(ms)} ms` : undefined;
}
