/**
 * Connects the events of a speaker to its parts, one line for each receiver. All parts exist before, so no part can be called before it exists.
 * Several receivers of one event are called in the order of their lines.
 */
import type { Emitter } from '../runtime/emitter.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Loop } from '../runtime/loop.ts';
import type { AnnouncementReconciler } from './announce/announcement-reconciler.ts';
import type { Announcer } from './announce/announcer.ts';
import type { ConflictWatch } from './announce/conflict-watch.ts';
import type { Hearing } from './announce/hearing.ts';
import type { NeighborProber } from './announce/neighbor-prober.ts';
import { logChanges } from './announce/placement-log.ts';
import type { ProxyWatch } from './announce/proxy-watch.ts';
import type { StatusReporter } from './announce/status-reporter.ts';
import type { Verifier } from './announce/verifier.ts';
import type { NodeDataplane } from './dataplane/node-dataplane.ts';
import type { SpoofTester } from './dataplane/spoof-tester.ts';
import type { DesiredState } from './desired-state.ts';
import type { ElectionRunner } from './election/election-runner.ts';
import type { LivenessLog } from './election/liveness-log.ts';
import type { PeerTransport } from './election/peer-transport.ts';
import type { Takeovers } from './election/takeover-metrics.ts';
import type { SnapshotFile } from './snapshot-file.ts';

/** The parts that decide which node holds a VIP. */
interface ElectionParts {
  readonly announcer: Pick<Announcer, 'stalled' | 'repeat'>;
  readonly hearing: Hearing;
  readonly runner: ElectionRunner;
  readonly transport: PeerTransport;
  /** Finds out whether a host is a proxy. Absent: none is. */
  readonly conflicts?: Pick<ConflictWatch, 'kindOf'>;
}

/** The parts that announce the VIPs that this node holds. */
interface AnnouncingParts extends ElectionParts {
  readonly announcer: Pick<Announcer, 'stalled' | 'heard' | 'repeat'>;
  readonly log: Logger;
  readonly desired: DesiredState;
  readonly prober: NeighborProber;
  readonly conflicts: ConflictWatch;
  readonly proxy: ProxyWatch;
  readonly verifier: Verifier;
  readonly reconciler: AnnouncementReconciler;
  readonly reporter: StatusReporter;
  readonly takeovers: Takeovers;
}

/** All parts of a speaker. */
interface SpeakerParts extends AnnouncingParts {
  readonly announcer: Announcer;
  readonly livenessLog: LivenessLog;
  readonly dataplane: NodeDataplane;
  readonly tester: SpoofTester;
  readonly snapshot: Pick<SnapshotFile, 'use'>;
  readonly loop: Loop;
  /** The cluster has changed. */
  readonly changed: Emitter;
  /** A link of this node has changed. */
  readonly linksChanged: Emitter;
  /** The API server does not answer. */
  readonly unreachable: Emitter;
}

/** A link that failed is tried again after this time. Milliseconds. */
const relinkMs = 1_000;

/** Connects the election to the peers and to the packet worker. */
export function wireElection({ announcer, hearing, runner, transport, conflicts }: ElectionParts): void {
  transport.received.to(runner.receive);
  announcer.stalled.to(runner.decideNow);
  hearing.heard.to((claim) => runner.heardOnWire(claim, () => conflicts?.kindOf(claim) === 'Proxy'));
  runner.reasserted.to((vips) => announcer.repeat(vips.map(({ address }) => address)));
}

/** Connects the desired state and the election to the announcements, and to the reports on them. */
export function wireAnnouncing(parts: AnnouncingParts): void {
  const { log, announcer, hearing, runner, transport, desired, prober, conflicts, proxy, verifier, reconciler } = parts;
  const { reporter, takeovers } = parts;
  wireElection(parts);
  announcer.heard.to(hearing.take);
  hearing.heard.to(conflicts.heard);
  hearing.heard.to(verifier.heard);
  desired.changed.to(({ allLinks }) => hearing.observe(allLinks));
  desired.podLinksChanged.to((allLinks) => hearing.observe(allLinks));
  desired.changed.to(({ links }) => prober.observe(links));
  desired.changed.to(verifier.observe);
  desired.changed.to(({ addresses }) =>
    transport.observe({ addresses, linkTo: (address) => prober.linkTo(address)?.name }),
  );
  desired.changed.to(({ election }) => runner.observe(election));
  desired.changed.to(reconciler.reconcile);
  runner.decided.to(verifier.decided);
  runner.decided.to(reconciler.reconcile);
  runner.probed.to(verifier.receiveReport);
  conflicts.probing.to(reconciler.probeHeld);
  conflicts.asking.to(reconciler.askProxies);
  conflicts.defending.to((vips) => announcer.repeat(vips.map(({ address }) => address)));
  conflicts.changed.to(reconciler.reconcile);
  proxy.changed.to(reconciler.reconcile);
  verifier.changed.to(reconciler.reconcile);
  reconciler.changed.to((before, now) => logChanges(log, before, now));
  reconciler.changed.to((before, now) => takeovers.note(before, now, () => runner.peers));
  reconciler.placed.to((now) => reporter.report(now));
}

/** Connects all parts of the speaker. `fail` ends it. */
export function wireSpeaker(parts: SpeakerParts, fail: (error: Error) => void): void {
  const {
    announcer,
    hearing,
    runner,
    transport,
    livenessLog,
    dataplane,
    tester,
    snapshot,
    changed,
    unreachable,
    loop,
  } = parts;
  const { desired, linksChanged, reconciler } = parts;
  wireAnnouncing(parts);
  changed.to(loop.trigger);
  linksChanged.to(desired.noteLinks);
  desired.outdated.to(loop.trigger);
  unreachable.to(snapshot.use);
  announcer.linkFailed.to(() => loop.triggerIn(relinkMs));
  announcer.threadFailed.to(fail);
  hearing.heard.to(dataplane.heard);
  transport.failed.to(fail);
  runner.linksChanged.to(() => livenessLog.noteNoInboundTraffic(runner.noInboundTraffic));
  runner.linksChanged.to(loop.trigger);
  runner.decided.to(dataplane.reconcile);
  dataplane.served.to(reconciler.reconcile);
  reconciler.changed.to((_, now) => dataplane.place(now));
  runner.membershipChanged.to(dataplane.reconcile);
  runner.ticked.to((now) => livenessLog.note(runner.peersAt(now)));
  tester.changed.to(loop.trigger);
}
