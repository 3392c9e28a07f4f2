/**
 * Fixture: a speaker without an API server, by its own parts: it places VIPs on the links of its namespace, answers for them and hears who
 * else does. Its argument is what the cluster says, as JSON ({@link ClusterFacts}). It tells its status when asked by any line.
 */
import { familyOf, type Ip } from '../../src/addr/ip.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { openLinkMonitor } from '../../src/linux/link-monitor.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { Loop } from '../../src/runtime/loop.ts';
import { AnnouncementReconciler } from '../../src/speaker/announce/announcement-reconciler.ts';
import { startAnnouncer } from '../../src/speaker/announce/announcer.ts';
import type { HolderStatusWriter } from '../../src/speaker/announce/status-writer.ts';
import { ElectionRunner } from '../../src/speaker/election/election-runner.ts';
import { watchAll } from '../../src/speaker/informers.ts';
import { advertisement, entry, node, service } from '../unit/fixtures.ts';
import { obey, say, sayReady } from './fixture.ts';

/** What the cluster says. The node is called `n1`. */
export interface ClusterFacts {
  readonly keyFile: string;
  /** The VIPs that are given out, and the node that had each of them; undefined: none yet. */
  readonly vips: readonly { readonly address: string; readonly heldBy?: string }[];
  /** The links that the advertisement names; all are meant where it names none. */
  readonly interfaces?: readonly string[];
  /** The other nodes, and where they are. */
  readonly peers?: Readonly<Record<string, readonly Ip[]>>;
}

const facts: ClusterFacts = JSON.parse(process.argv[2] ?? '');
const { keyFile, vips, interfaces = [], peers = {} } = facts;
const fail = (error: Error) => {
  throw error;
};
const log = createLogger('speaker', 'fatal');
const loop = new Loop({ log, resyncMs: 5_000, pass: async () => placing.observe() });
const monitor = openLinkMonitor(loop.trigger);
const announcer = await startAnnouncer({
  log,
  onLinkFailed: () => loop.triggerIn(1_000),
  onHeard: (address, mac) => placing.heard(address, mac),
  onStalled: () => holding.decideNow(),
  onThreadFailed: fail,
});
// Nobody is asked: what the cluster says is known.
const client = undefined as unknown as KubeClient;
const nothing = () => undefined;
const watched = watchAll(
  { client, log, onChange: nothing, onUnreachable: nothing },
  { namespace: 'berth-system', peerSelector: '' },
);
const services = vips.map(({ address }, i) =>
  service(`s${i}`, { ingress: [{ ip: address as Ip }], families: [familyOf(address as Ip)] }),
);
watched.services.seed(services);
watched.allocations.seed(
  vips.map(({ address, heldBy }, i) => {
    const recorded = heldBy === undefined ? undefined : { node: heldBy, term: 1, since: '2026-01-01T00:00:00Z' };
    return entry(address, services[i] ?? service(''), { recorded });
  }),
);
watched.advertisements.seed([advertisement({ interfaces })]);
watched.nodes.seed([
  node('n1'),
  ...Object.entries(peers).map(([name, internalAddresses]) => node(name, { internalAddresses })),
]);
watched.endpointSlices.seed([]);
watched.pods.seed([]);

const holding = new ElectionRunner({
  ...{ log, node: 'n1', port: 7932, keyFile, claims: [] },
  workerAgeMs: announcer.workerAgeMs,
  onDecisions: (decisions) => placing.decided(decisions),
  onMembership: nothing,
  askWire: (addresses) => placing.ask(addresses),
  reassert: (again) => announcer.repeat(again.map(({ address }) => address)),
  onPeerLinks: loop.trigger,
  onProbed: (news) => placing.told(news),
  onFailed: fail,
});
const recorder = { record: nothing } as unknown as HolderStatusWriter;
const options = { nodeName: 'n1', assumeAlive: ['n1', ...Object.keys(peers)] };
const placing = new AnnouncementReconciler({
  ...{ watched, monitor, announcer, holding, recorder, options, log },
  ...{ blockedOn: () => [], spreadOf: nothing },
});

obey(() => say({ kind: 'status', ...placing.status }));
await holding.open();
sayReady();
await loop.run(new AbortController().signal);
