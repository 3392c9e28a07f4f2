/**
 * Fixture: a speaker without an API server. It elects the holder of one VIP together with two other
 * speakers, by the speaker's own parts, and answers for the VIP. It starts on command. Arguments:
 * its node, the key file, the VIP.
 */
import type { Ip } from '../../src/addr/ip.ts';
import { inSubnet } from '../../src/addr/subnet.ts';
import { openLinkMonitor } from '../../src/linux/link-monitor.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { startAnnouncer } from '../../src/speaker/announce/announcer.ts';
import { Hearing } from '../../src/speaker/announce/hearing.ts';
import { NeighborProber } from '../../src/speaker/announce/neighbor-prober.ts';
import { ElectionRunner, newIncarnation } from '../../src/speaker/election/election-runner.ts';
import { PeerTransport } from '../../src/speaker/election/peer-transport.ts';
import { wireElection } from '../../src/speaker/wiring.ts';
import { obey, say, sayReady } from './fixture.ts';

const [self = '', keyFile = '', vip = ''] = process.argv.slice(2);
/**
 * The addresses of the nodes. The first node held the VIP before, and the second may hold it. With
 * the third one the second node is not alone when the first one is silent.
 */
const nodes = { n1: ['10.99.0.2'], n2: ['10.99.0.1', '10.98.0.1'], n3: ['10.98.0.2'] } as const;

const fail = (error: Error) => {
  throw error;
};
// Standard output is for the tests: log lines would be mixed into it.
const log = createLogger('speaker', 'error');
const monitor = openLinkMonitor(() => undefined);
const links = monitor.links().filter(({ name }) => name.startsWith('v'));
const [link = fail(new Error('no link'))] = links;

const announcer = await startAnnouncer(log);
announcer.linkFailed.to(() => fail(new Error('the link failed')));
announcer.threadFailed.to(fail);
const prober = new NeighborProber(log);
prober.observe([link]);
const transport = new PeerTransport({ log, port: 7932, keyFile });
transport.failed.to(fail);
const runner = new ElectionRunner({
  ...{ node: self, incarnation: newIncarnation(), claims: [], workerAgeMs: announcer.workerAgeMs },
  ports: { clock: systemClock, send: transport.send, probe: prober.probe },
});
const hearing = new Hearing();
hearing.observe([link]);
announcer.heard.to(hearing.take);
wireElection({ announcer, hearing, runner, transport });
announcer.stalled.to(() => say({ kind: 'stalled' }));
runner.decided.to(() => {
  const { decisions } = runner;
  const held = decisions.filter(({ action }) => action.kind === 'Hold').map(({ vip: { address } }) => address);
  void announcer.apply([{ link, vips: held, listens: ['IPv4'] }]);
  const [decision] = decisions;
  const reason = decision?.action.kind === 'Silent' ? decision.action.reason : undefined;
  say({ kind: 'holds', vips: held, holder: decision?.holder, reason });
});

/** Starts, or reports the frame counters. */
obey<{ readonly do: 'begin' | 'counters' }>((command) => {
  if (command.do === 'begin') begin();
  say({ kind: command.do, ...announcer.counters() });
});
await transport.open();
sayReady();

function begin(): void {
  const eligible = new Set(['n1', 'n2']);
  transport.observe({
    addresses: new Map(Object.entries(nodes)),
    linkTo: (address) => links.find((one) => one.addresses.some((own) => inSubnet(address as Ip, own)))?.name,
  });
  runner.observe({
    vips: [
      {
        uid: 'uid-1',
        address: vip as Ip,
        eligible,
        serves: () => true,
        linksOf: () => [link.name],
        recorded: { node: 'n1', term: 1 },
      },
    ],
    nodes: new Map(Object.keys(nodes).map((node) => [node, { draining: false }])),
    links: links.map((one) => ({
      ...one,
      addresses: one.addresses.map(({ address, prefix }) => `${address}/${prefix}`),
    })),
  });
}
