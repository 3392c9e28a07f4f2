/**
 * Fixture: a speaker without an API server, made of the speaker's own parts. It places VIPs on the
 * links of its namespace, answers for them and detects other hosts that do. Its argument is the
 * cluster's objects as JSON ({@link ClusterFacts}). On any input line it prints its status.
 */
import { familyOf, type Ip } from '../../src/addr/ip.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { openLinkMonitor } from '../../src/linux/link-monitor.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Emitter } from '../../src/runtime/emitter.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { Loop } from '../../src/runtime/loop.ts';
import { AnnouncementReconciler } from '../../src/speaker/announce/announcement-reconciler.ts';
import { startAnnouncer } from '../../src/speaker/announce/announcer.ts';
import { ConflictWatch } from '../../src/speaker/announce/conflict-watch.ts';
import { Hearing } from '../../src/speaker/announce/hearing.ts';
import { NeighborProber } from '../../src/speaker/announce/neighbor-prober.ts';
import { ProxyWatch } from '../../src/speaker/announce/proxy-watch.ts';
import { StatusReporter } from '../../src/speaker/announce/status-reporter.ts';
import { Verifier } from '../../src/speaker/announce/verifier.ts';
import { DesiredState } from '../../src/speaker/desired-state.ts';
import { ElectionRunner, newIncarnation } from '../../src/speaker/election/election-runner.ts';
import { PeerTransport } from '../../src/speaker/election/peer-transport.ts';
import { Takeovers } from '../../src/speaker/election/takeover-metrics.ts';
import { makeInformers } from '../../src/speaker/informers.ts';
import { wireAnnouncing } from '../../src/speaker/wiring.ts';
import { advertisement, entry, node, service } from '../unit/fixtures.ts';
import { obey, say, sayReady } from './fixture.ts';

/** The objects of the cluster. The node is called `n1`. */
export interface ClusterFacts {
  readonly keyFile: string;
  /** The allocated VIPs, and the recorded holder of each; undefined: no holder yet. */
  readonly vips: readonly { readonly address: string; readonly heldBy?: string }[];
  /** The links that the advertisement names; if none, all links. */
  readonly interfaces?: readonly string[];
  /** The other nodes, and their addresses. */
  readonly peers?: Readonly<Record<string, readonly Ip[]>>;
}

const facts: ClusterFacts = JSON.parse(process.argv[2] ?? '');
const { keyFile, vips, interfaces = [], peers = {} } = facts;
const fail = (error: Error) => {
  throw error;
};
const log = createLogger('speaker', 'fatal');
const linksChanged = new Emitter();
const monitor = openLinkMonitor(linksChanged.emit);
const announcer = await startAnnouncer(log);
announcer.threadFailed.to(fail);
// The client is never used: the informers are filled from the argument.
const client = undefined as unknown as KubeClient;
const nothing = () => undefined;
const informers = makeInformers(
  { client, log, onChange: nothing, onUnreachable: nothing },
  { namespace: 'berth-system', peerSelector: '' },
);
const services = vips.map(({ address }, i) =>
  service(`s${i}`, { ingress: [{ ip: address as Ip }], families: [familyOf(address as Ip)] }),
);
informers.services.seed(services);
informers.allocations.seed(
  vips.map(({ address, heldBy }, i) => {
    const recorded = heldBy === undefined ? undefined : { node: heldBy, term: 1, since: '2026-01-01T00:00:00Z' };
    return entry(address, services[i] ?? service(''), { recorded });
  }),
);
informers.advertisements.seed([advertisement({ interfaces })]);
informers.nodes.seed([
  node('n1'),
  ...Object.entries(peers).map(([name, internalAddresses]) => node(name, { internalAddresses })),
]);
informers.endpointSlices.seed([]);
informers.pods.seed([]);

const nodeName = 'n1';
const noNodes = () => [];
const prober = new NeighborProber(log);
const transport = new PeerTransport({ log, port: 7932, keyFile });
transport.failed.to(fail);
const runner = new ElectionRunner({
  ...{ node: nodeName, incarnation: newIncarnation(), claims: [], workerAgeMs: announcer.workerAgeMs },
  ports: { clock: systemClock, send: transport.send, probe: prober.probe },
});
const options = { nodeName, assumeAlive: ['n1', ...Object.keys(peers)] };
const desired = new DesiredState({ informers, monitor, runner, blockedOn: noNodes, options });
const [conflicts, proxy] = [new ConflictWatch({ log, nodeOf: (mac) => runner.nodeOf(mac) }), new ProxyWatch()];
const { kindOf } = conflicts;
const verifier = new Verifier({ log, nodeName, prober, runner, kindOf });
const announcing = { informers, desired, runner, announcer, prober, conflicts, proxy, verifier, nodeName, log };
const reconciler = new AnnouncementReconciler(announcing);
const writer = { record: nothing };
const reporter = new StatusReporter({ ...announcing, writer, blockedOn: noNodes, spreadOf: nothing });
wireAnnouncing({ ...announcing, hearing: new Hearing(), transport, reconciler, reporter, takeovers: new Takeovers() });
const loop = new Loop({ log, resyncMs: 5_000, pass: async () => desired.observe() });
linksChanged.to(desired.noteLinks);
desired.outdated.to(loop.trigger);
announcer.linkFailed.to(() => loop.triggerIn(1_000));
runner.linksChanged.to(loop.trigger);

obey(() => say({ kind: 'status', ...reporter.status }));
await transport.open();
sayReady();
await loop.run(new AbortController().signal);
