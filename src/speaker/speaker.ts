/**
 * The speaker: answers ARP and Neighbor Solicitations for the VIPs that this node holds.
 *
 *   ledger, Services, nodes --kube/informer--> snapshot --announce/desired-vips--> what is to be announced, and who may
 *   beats and claims of the other speakers --holding, election/holder-elector--> who holds what
 *     both --announce/placements--> placements
 *     placements --announcer, linux/responder--> the packet worker answers   (frame -> neighbor/frame-outcomes -> frame)
 *     placements --announcer, neighbor/gratuitous-schedule--> gratuitous ARP and unsolicited advertisements on gain
 *     placements --conflict-watch, announce/conflict-detector--> withheld where another host has the VIP
 *     the others' placements --verifier, announce/verification--> asked for and knocked at; the holder is told
 *     placements --announce/reports, record--> the ledger's copy
 *   Services, ledger, endpoints, holders --data-path, path-watch--> what becomes of packets --node-layer, dataplane/desired--> nftables
 *
 * The way from a dead holder to the next one never touches the API server.
 */

import { KubeClient } from '../kube/client.ts';
import { connect } from '../kube/connection.ts';
import { openLinkMonitor } from '../linux/link-monitor.ts';
import { dropProgramPages } from '../linux/program-pages.ts';
import type { Logger } from '../runtime/logger.ts';
import { Loop } from '../runtime/loop.ts';
import { AnnouncementReconciler } from './announce/announcement-reconciler.ts';
import { startAnnouncer } from './announce/announcer.ts';
import { HolderStatusWriter } from './announce/status-writer.ts';
import type { DataplaneOptions } from './dataplane/dataplane-watch.ts';
import { NodeDataplane } from './dataplane/node-dataplane.ts';
import { ElectionRunner } from './election/election-runner.ts';
import { type EndpointOptions, serveSpeaker } from './http/endpoint.ts';
import { watchAll } from './informers.ts';
import { openSnapshotFile } from './snapshot-file.ts';

/** What a speaker is told on its command line. */
export interface SpeakerOptions extends DataplaneOptions, EndpointOptions {
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  /** Labels of the speakers' Pods. */
  readonly peerSelector: string;
  /** Nodes whose speakers run without a Pod. */
  readonly assumeAlive: readonly string[];
  /** UDP port by which the speakers hear each other. */
  readonly livenessPort: number;
  /** File with the keys of the datagrams. */
  readonly livenessKey: string;
  /** File for what the speaker knows, so that it can start without the API server; undefined: it cannot. */
  readonly snapshot: string | undefined;
  /** Write rules for the data path into the kernel. */
  readonly nodeLayer: boolean;
}

/** A pass runs at least this often, and after every change in the cluster, of a link or of a peer's links. */
const resyncMs = 5_000;
/** By then a start is over. */
const settledMs = 15_000;
/** A link that failed is tried again after this time. */
const relinkMs = 1_000;

/** Runs the speaker until the signal aborts. Rejects when it may not open its sockets or cannot start otherwise. */
export async function runSpeaker(options: SpeakerOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const running = AbortSignal.any([signal, failed.signal]);
  const pass = async () => [placing.observe, dataPath.look].forEach((observe) => void observe());
  const loop = new Loop({ log, resyncMs, pass });
  const monitor = openLinkMonitor(loop.trigger);
  const announcer = await startAnnouncer({
    log,
    onLinkFailed: () => loop.triggerIn(relinkMs),
    onThreadFailed: (error) => failed.abort(error),
    onHeard: (address, mac) => {
      placing.heard(address, mac);
      dataPath.heard(address);
    },
    onStalled: () => holding.decideNow(),
  });
  const client = new KubeClient(await connect(options.kubeconfig));
  const watched = watchAll({ client, log, onChange: loop.trigger, onUnreachable: () => offline.use() }, options);
  const { nodeName: node, livenessPort: port, livenessKey: keyFile, snapshot: file } = options;
  const offline = await openSnapshotFile({ file, node, log });
  const holding = new ElectionRunner({
    ...{ log, node, port, keyFile, claims: offline.claims },
    workerAgeMs: announcer.workerAgeMs,
    onDecisions: (decisions) => [placing, dataPath].forEach((one) => void one.decided(decisions)),
    onMembership: () => dataPath.look(),
    askWire: (addresses) => placing.ask(addresses),
    reassert: (vips) => announcer.repeat(vips.map(({ address }) => address)),
    onPeerLinks: loop.trigger,
    onProbed: (news) => placing.told(news),
    onFailed: (error) => failed.abort(error),
  });
  const dataPath = new NodeDataplane({
    ...{ log, watched, holding, options, onLinks: loop.trigger },
    links: () => monitor.links(),
    demands: () => placing.demands,
    ask: (addresses) => placing.ask(addresses),
  });
  const recorder = new HolderStatusWriter({ client, log, allocations: watched.allocations, signal: running });
  const placing = new AnnouncementReconciler({
    ...{ watched, monitor, announcer, holding, recorder, options, log },
    ...{ blockedOn: dataPath.blockedOn, spreadOf: dataPath.spreadOf },
  });
  const parts = { watched, announcer, holding, placing, dataPath, monitor, loop, client };
  const closeEndpoint = await serveSpeaker(options, parts);
  try {
    await holding.open();
    giveBackLater(log);
    offline.start({ watched, claims: () => holding.toRemember, onUse: loop.trigger });
    await Promise.all([loop.run(running), ...Object.values(watched).map((informer) => informer.run(running))]);
    failed.signal.throwIfAborted();
  } finally {
    // Nothing moves because of a restart: the others wait a moment for this one.
    holding.sayRestarting();
    monitor.close();
    const [counters] = await Promise.all([announcer.close(), offline.close(), dataPath.close()]);
    holding.close();
    placing.close();
    closeEndpoint();
    client.close();
    log.info(counters, 'frames answered and not answered');
  }
}

/** What only the start needed is given back when it is over. */
function giveBackLater(log: Logger): void {
  const giveBack = () => {
    try {
      log.debug({ bytes: dropProgramPages() }, 'pages of the program given back');
    } catch (error) {
      log.debug({ err: error }, 'pages of the program stay');
    }
  };
  setTimeout(giveBack, settledMs).unref();
}
