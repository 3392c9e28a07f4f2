/**
 * The speaker: answers ARP and Neighbor Solicitations for the VIPs that this node holds.
 *
 *   ledger, Services, nodes --informers--> desired-state --announce/desired-vips--> which VIPs there are, and which nodes may announce each
 *   heartbeats and claims of the peers --election-runner, election/holder-elector--> which node holds which VIP
 *     both --announcement-reconciler, announce/placements--> placements
 *     placements --announcer, linux/worker--> the packet worker answers   (frame -> neighbor/arp-responder, ndp-responder -> frame)
 *     placements --announcer, neighbor/gratuitous-schedule--> gratuitous ARP and unsolicited advertisements on gain
 *     placements --conflict-watch, announce/conflict-detector--> withheld where another host has the VIP
 *     the peers' placements --verifier, announce/verification--> probed; the holder gets the results
 *     placements --status-reporter, announce/reports--> status-writer: the ledger's copy
 *   Services, ledger, endpoints, holders --dataplane-watch, dataplane/plan--> a plan --nft-applier, dataplane/rules--> nftables
 *
 * A takeover from a dead holder never needs the API server.
 */
import { nodeOnRecord } from '../api/allocation.ts';
import { KubeClient } from '../kube/client.ts';
import { connect } from '../kube/connection.ts';
import { openLinkMonitor } from '../linux/link-monitor.ts';
import { dropProgramPages } from '../linux/program-pages.ts';
import { systemClock } from '../runtime/clock.ts';
import { Emitter } from '../runtime/emitter.ts';
import type { Logger } from '../runtime/logger.ts';
import { Loop } from '../runtime/loop.ts';
import { AnnouncementReconciler } from './announce/announcement-reconciler.ts';
import { startAnnouncer } from './announce/announcer.ts';
import { ConflictWatch } from './announce/conflict-watch.ts';
import { Hearing } from './announce/hearing.ts';
import { NeighborProber } from './announce/neighbor-prober.ts';
import { ProxyWatch } from './announce/proxy-watch.ts';
import { StatusReporter } from './announce/status-reporter.ts';
import { HolderStatusWriter } from './announce/status-writer.ts';
import { Verifier } from './announce/verifier.ts';
import type { DataplaneOptions } from './dataplane/dataplane-watch.ts';
import { NodeDataplane } from './dataplane/node-dataplane.ts';
import { SpoofTester } from './dataplane/spoof-tester.ts';
import { DesiredState } from './desired-state.ts';
import { ElectionRunner, newIncarnation } from './election/election-runner.ts';
import { LivenessLog } from './election/liveness-log.ts';
import { PeerTransport } from './election/peer-transport.ts';
import { Takeovers } from './election/takeover-metrics.ts';
import { type EndpointOptions, serveSpeaker } from './http/endpoint.ts';
import { type Informers, makeInformers } from './informers.ts';
import { openSnapshotFile } from './snapshot-file.ts';
import { wireSpeaker } from './wiring.ts';

/** The command line options of a speaker. */
interface SpeakerOptions extends DataplaneOptions, EndpointOptions {
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  /** Labels of the speakers' Pods. */
  readonly peerSelector: string;
  /** Nodes whose speakers run without a Pod. */
  readonly assumeAlive: readonly string[];
  /** UDP port of the messages between speakers. */
  readonly livenessPort: number;
  /** File with the keys of the datagrams. */
  readonly livenessKey: string;
  /** File for the state of the speaker, so that it can start without the API server; undefined: it cannot. */
  readonly snapshot: string | undefined;
  /** Whether to load nftables rules for the data path into the kernel. */
  readonly nftables: boolean;
}

/** A pass runs at least this often, and after every change in the cluster, of a link or of a peer's links. */
const resyncMs = 5_000;
/** After this time a start is complete. */
const settledMs = 15_000;

/**
 * Runs the speaker until the signal aborts. Rejects if it may not open its sockets, or cannot start for another reason. All parts that were
 * opened are closed in reverse order, also if the start fails half-way.
 */
export async function runSpeaker(options: SpeakerOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const running = AbortSignal.any([signal, failed.signal]);
  await using open = new AsyncDisposableStack();
  const parts = await makeParts(options, { log, open, signal: running });
  const { informers, runner, transport, loop, snapshot } = parts;
  wireSpeaker(parts, (error) => failed.abort(error));
  open.defer(await serveSpeaker(options, parts));
  await transport.open();
  // A restart moves no VIP: the peers wait for this speaker for up to 3 s.
  open.defer(() => runner.announceRestart());
  giveBackLater(log);
  snapshot.start({ informers, claims: () => runner.toRemember, onUse: loop.trigger });
  await Promise.all([loop.run(running), ...Object.values(informers).map((informer) => informer.run(running))]);
  failed.signal.throwIfAborted();
}

/** What {@link makeParts} needs besides the options. */
interface Surroundings {
  readonly log: Logger;
  /** Closes the parts at the end. */
  readonly open: AsyncDisposableStack;
  readonly signal: AbortSignal;
}

/** Makes all parts, each after those that it depends on. No event reaches a part before they are wired. */
async function makeParts(options: SpeakerOptions, { log, open, signal }: Surroundings) {
  const { nodeName, livenessPort: port, livenessKey: keyFile } = options;
  const [changed, unreachable, linksChanged] = [new Emitter(), new Emitter(), new Emitter()];
  const monitor = open.adopt(openLinkMonitor(linksChanged.emit), (one) => one.close());
  const announcer = open.adopt(await startAnnouncer(log), async (one) =>
    log.info(await one.close(), 'frames by outcome'),
  );
  const client = open.adopt(new KubeClient(await connect(options.kubeconfig)), (one) => one.close());
  const informers = makeInformers({ client, log, onChange: changed.emit, onUnreachable: unreachable.emit }, options);
  const file = { file: options.snapshot, node: nodeName, log };
  const snapshot = open.adopt(await openSnapshotFile(file), (one) => one.close());

  const prober = open.adopt(new NeighborProber(log), (one) => one.close());
  const transport = open.adopt(new PeerTransport({ log, port, keyFile }), (one) => one.close());
  const runner = open.adopt(
    new ElectionRunner({
      ...{ node: nodeName, incarnation: newIncarnation(), claims: snapshot.claims, workerAgeMs: announcer.workerAgeMs },
      ports: { clock: systemClock, send: transport.send, probe: prober.probe },
    }),
    (one) => one.close(),
  );
  const livenessLog = new LivenessLog(log);

  const tester = open.adopt(new SpoofTester(log), (one) => one.close());
  const { blockedOn } = tester;
  const desired = new DesiredState({ informers, monitor, runner, blockedOn, options });
  const dataplane = open.adopt(
    new NodeDataplane({ log, informers, runner, desired, prober, tester, options, links: () => desired.links }),
    (one) => one.close(),
  );

  const proxy = open.adopt(new ProxyWatch(), (one) => one.close());
  const nodeOf = (mac: string) => runner.nodeOf(mac) ?? recordedNodeOf(mac, informers);
  const conflicts = open.adopt(new ConflictWatch({ log, nodeOf }), (one) => one.close());
  const { kindOf } = conflicts;
  const verifier = open.adopt(new Verifier({ log, nodeName, prober, runner, kindOf }), (one) => one.close());
  const announcing = { informers, desired, runner, announcer, prober, conflicts, proxy, verifier, nodeName, log };
  const { spreadOf, isRefused, canServe } = dataplane;
  const reconciler = new AnnouncementReconciler({ ...announcing, canServe });
  const writer = new HolderStatusWriter({ client, log, allocations: informers.allocations, signal });
  const reporter = new StatusReporter({ ...announcing, writer, blockedOn, spreadOf, isRefused });
  const takeovers = new Takeovers();

  const pass = async () => [desired.observe, dataplane.reconcile].forEach((run) => void run());
  const loop = new Loop({ log, resyncMs, pass });
  const sources = { changed, unreachable, linksChanged, monitor, client, informers, snapshot };
  return {
    ...sources,
    ...announcing,
    hearing: new Hearing(),
    transport,
    livenessLog,
    tester,
    dataplane,
    reporter,
    reconciler,
    takeovers,
    loop,
  };
}

/** The node of the cluster that held an address with this hardware address. */
function recordedNodeOf(mac: string, { allocations, nodes }: Informers): string | undefined {
  return nodeOnRecord(allocations.store.values(), { mac, nodes: nodes.store.values() });
}

/** Gives memory that only the start needed back to the kernel, once the start is complete. */
function giveBackLater(log: Logger): void {
  const giveBack = () => {
    try {
      log.debug({ bytes: dropProgramPages() }, 'gave pages of the program back to the kernel');
    } catch (error) {
      log.debug({ err: error }, 'cannot give pages of the program back to the kernel');
    }
  };
  setTimeout(giveBack, settledMs).unref();
}
