/**
 * What the runner of one speaker does after each event, and when: real runners in virtual time, with
 * a network that needs one millisecond. Here each effect is looked at on its own; whether
 * speakers agree is the subject of the simulation.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { Vip } from '../../../../src/election/view.ts';
import type { Claim, Heartbeat, Message, PeerLink, ProbeReport } from '../../../../src/liveness/messages.ts';
import type { Cancel, Clock } from '../../../../src/runtime/clock.ts';
import { ElectionRunner, newIncarnation } from '../../../../src/speaker/election/election-runner.ts';
import type { WireProbe } from '../../../../src/speaker/election/wire-probes.ts';
import { Schedule } from '../../../sim/schedule.ts';

interface Sent {
  readonly at: number;
  readonly message: Message;
  readonly onLinks: readonly string[];
}

const vip: Vip = {
  ...{ uid: 'u', address: '192.0.2.10' as Ip, eligible: new Set(['n1', 'n2']) },
  ...{ serves: () => true, linksOf: () => ['eth0'], recorded: undefined },
};
const mac = (node: string) => `02:00:00:00:00:0${node.slice(1)}`;
const linkOf = (node: string): PeerLink => ({
  name: 'eth0',
  mac: mac(node),
  addresses: [`192.0.2.${node.slice(1)}/24`],
});

/** Two nodes or more, their runners, and what each has sent. */
class Network {
  readonly schedule = new Schedule();
  readonly sent = new Map<string, Sent[]>();
  readonly probes: { readonly at: number; readonly probes: readonly WireProbe[] }[] = [];
  readonly runners = new Map<string, ElectionRunner>();
  /** The timers that wait, of all nodes. */
  readonly timers = new Set<object>();
  /** Messages do not arrive any more. */
  isCut = false;
  /** The paths on which messages arrive at a node. */
  pathsTo: (node: string) => readonly string[] = () => ['eth0'];
  workerAgeMs = 0;
  /** The links accept the frames of probes. */
  canProbe = true;

  /** `claims` are those of `n1` before its restart. */
  constructor(claims: readonly Claim[] = [], names = ['n1', 'n2']) {
    for (const node of names) this.#make(node, node === 'n1' ? claims : []);
  }

  #make(node: string, claims: readonly Claim[]): void {
    const sent: Sent[] = [];
    this.sent.set(node, sent);
    const send = (to: string, message: Message, onLinks: readonly string[]) => {
      sent.push({ at: this.schedule.now, message, onLinks });
      this.schedule.in(1, () => {
        if (!this.isCut) for (const path of this.pathsTo(to)) this.runners.get(to)?.receive(message, path);
      });
    };
    const probe = (probes: readonly WireProbe[]) => {
      this.probes.push({ at: this.schedule.now, probes });
      return this.canProbe ? [] : probes;
    };
    const runner = new ElectionRunner({
      ...{ node, incarnation: newIncarnation(), claims, workerAgeMs: () => this.workerAgeMs },
      ports: { clock: this.#clock(), send, probe },
    });
    this.runners.set(node, runner);
  }

  /** Keeps the timers that wait. */
  #clock(): Clock {
    const clock = this.schedule.clock();
    const waits = (start: (call: () => void) => Cancel) => (call: () => void) => {
      const timer = {};
      this.timers.add(timer);
      const cancel = start(() => {
        this.timers.delete(timer);
        call();
      });
      return () => {
        this.timers.delete(timer);
        cancel();
      };
    };
    return { ...clock, after: (ms, call) => waits((run) => clock.after(ms, run))(call), soon: waits(clock.soon) };
  }

  get one(): ElectionRunner {
    return this.runners.get('n1') as ElectionRunner;
  }

  get two(): ElectionRunner {
    return this.runners.get('n2') as ElectionRunner;
  }

  observe(node: string, { vips = [vip], links = [linkOf(node)], nodes = ['n1', 'n2'] } = {}): void {
    const known = new Map(nodes.map((name) => [name, { draining: false }]));
    this.runners.get(node)?.observe({ vips, nodes: known, links });
  }

  /** Two nodes that know each other and the holder. */
  static settled(): Network {
    const pair = new Network();
    for (const node of ['n1', 'n2']) pair.observe(node);
    pair.schedule.runFor(2_000);
    assert.equal(pair.one.decisions[0]?.holder, pair.two.decisions[0]?.holder);
    return pair;
  }

  /** Two nodes, of which `n2` holds the VIP: it was the only node that could. */
  static heldByTwo(): Network {
    const pair = new Network();
    for (const node of ['n1', 'n2']) pair.observe(node, { vips: [{ ...vip, eligible: new Set(['n2']) }] });
    pair.schedule.runFor(2_000);
    for (const node of ['n1', 'n2']) pair.observe(node);
    pair.schedule.runFor(200);
    assert.deepEqual(
      pair.one.decisions.map(({ holder }) => holder),
      ['n2'],
    );
    return pair;
  }

  /** The messages of a kind that a node has sent since a time. */
  since<K extends Message['kind']>(
    node: string,
    kind: K,
    at: number,
  ): (Sent & { readonly message: Extract<Message, { kind: K }> })[] {
    const all = this.sent.get(node) ?? [];
    return all.filter(
      (one): one is Sent & { readonly message: Extract<Message, { kind: K }> } =>
        one.message.kind === kind && one.at >= at,
    );
  }

  /** Calls at the times at which something is emitted, in milliseconds since now. */
  times(emitter: { to(call: () => void): void }): number[] {
    const from = this.schedule.now;
    const all: number[] = [];
    emitter.to(() => all.push(this.schedule.now - from));
    return all;
  }
}

test('a speaker that does not know the cluster yet decides nothing and sends nothing', () => {
  const pair = new Network([{ uid: 'u', term: 3, isolated: false, leaving: false }]);
  pair.one.decideNow();
  pair.one.announceRestart();
  pair.schedule.runFor(1_000);
  assert.deepEqual([pair.one.decisions, pair.one.peers, pair.one.living], [[], [], []]);
  assert.deepEqual(pair.one.membership, { present: [], lost: [] });
  assert.equal(pair.one.isReporter(vip.address), false);
  assert.deepEqual(
    pair.one.toRemember.map(({ term }) => term),
    [3],
    'its claims from before the restart',
  );
  assert.equal(pair.sent.get('n1')?.length, 0);
});

test('heartbeats are sent every 100 ms without any other event, from the first observation on', () => {
  const pair = new Network();
  pair.observe('n1');
  pair.schedule.runFor(1_000);
  assert.equal(pair.since('n1', 'Heartbeat', 0).length, 11);
});

test('a heartbeat tells how old the last decision and the last turn of the packet worker are', () => {
  const pair = Network.settled();
  pair.workerAgeMs = 700.4;
  const { now } = pair.schedule;
  pair.schedule.runFor(250);
  const ages = pair.since('n1', 'Heartbeat', now).map(({ message }) => message.ages);
  assert.deepEqual(ages.at(-1), { loop: 0, worker: 700 });
});

test('a heartbeat before the first decision has an age', () => {
  const pair = new Network();
  pair.schedule.runFor(40);
  pair.observe('n1');
  pair.one.announceRestart();
  assert.deepEqual(pair.since('n1', 'Heartbeat', 0)[0]?.message.ages, { loop: 40, worker: 0 });
});

test('the announcement of a restart is sent again, so that a lost datagram moves no VIP', () => {
  const pair = Network.heldByTwo();
  const { now } = pair.schedule;
  pair.isCut = true;
  pair.one.announceRestart();
  pair.schedule.runFor(2);
  pair.isCut = false;
  pair.schedule.runFor(15);
  pair.one.close();
  const sent = pair.since('n1', 'Heartbeat', now).filter(({ message }) => message.state === 'Restarting');
  assert.ok(sent.length >= 3, `${sent.length} announcements`);
  assert.equal(pair.two.peers.find(({ node }) => node === 'n1')?.liveness, 'Restarting');
});

test('a change of claims is sent at once, and the peer decides at once', () => {
  const pair = Network.heldByTwo();
  const { now } = pair.schedule;
  const decided = pair.times(pair.two.decided);
  pair.observe('n1', { vips: [] });
  pair.observe('n2', { vips: [] });
  pair.schedule.runFor(5);
  assert.deepEqual(
    pair.since('n2', 'Claims', now).map(({ message, at }) => [at - now, message.dropped]),
    [[0, ['u']]],
  );
  assert.deepEqual(decided, [0]);
});

test('events at one time lead to one decision', () => {
  const pair = Network.settled();
  const ticks = pair.times(pair.one.ticked);
  for (let i = 0; i < 5; i += 1) pair.observe('n1');
  assert.deepEqual(ticks, [], 'nothing is decided before the events of that time have been processed');
  pair.schedule.runFor(0);
  assert.deepEqual(ticks, [0]);
});

test('the next decision comes 100 ms after the last one, whatever caused that', () => {
  const pair = Network.settled();
  pair.schedule.runFor(30);
  pair.one.decideNow();
  const ticks = pair.times(pair.one.ticked);
  pair.schedule.runFor(250);
  assert.deepEqual(ticks, [100, 200], 'and the earlier timer is off');
});

test('each decision reports its time', () => {
  const pair = Network.settled();
  const times: number[] = [];
  pair.one.ticked.to((now) => times.push(now));
  pair.one.decideNow();
  assert.deepEqual(times, [pair.schedule.now]);
});

test('decisions that have not changed are the same list, and are not reported', () => {
  const pair = Network.settled();
  const { decisions } = pair.one;
  const decided = pair.times(pair.one.decided);
  pair.schedule.runFor(1_000);
  assert.equal(pair.one.decisions, decisions);
  assert.deepEqual(decided, []);
});

test('a peer that announces its restart changes decisions and membership within the millisecond of its message', () => {
  const pair = Network.heldByTwo();
  const [decided, changed] = [pair.times(pair.one.decided), pair.times(pair.one.membershipChanged)];
  pair.schedule.runFor(30);
  pair.two.announceRestart();
  pair.two.close();
  pair.schedule.runFor(2);
  assert.deepEqual(decided, [31]);
  assert.equal(pair.one.decisions[0]?.action.kind, 'StandIn');
  assert.deepEqual(pair.one.membership.present, ['n1', 'n2'], 'its kernel serves meanwhile');
  assert.deepEqual(pair.one.living, ['n1']);
  assert.deepEqual(changed, []);
});

test('a dead peer leaves the membership, which is reported once', () => {
  const pair = Network.heldByTwo();
  const { membership } = pair.one;
  assert.deepEqual(membership, { present: ['n1', 'n2'], lost: [] });
  const changed = pair.times(pair.one.membershipChanged);
  pair.isCut = true;
  pair.schedule.runFor(3_000);
  assert.equal(changed.length, 1);
  assert.deepEqual(pair.one.membership, { present: ['n1'], lost: ['n2'] });
  assert.deepEqual(
    pair.one.peers.map(({ node, liveness }) => [node, liveness]),
    [['n2', 'Dead']],
  );
});

test('the VIP of a silent peer is probed before it is taken', () => {
  const pair = Network.heldByTwo();
  pair.isCut = true;
  pair.schedule.runFor(300);
  assert.deepEqual(pair.probes.at(-1)?.probes, [{ address: vip.address, links: ['eth0'] }]);
});

test('an answer on the wire is looked at at once', () => {
  const pair = Network.heldByTwo();
  pair.isCut = true;
  pair.schedule.runFor(320);
  const ticks = pair.times(pair.one.ticked);
  pair.one.heardOnWire({ address: vip.address, mac: mac('n2'), link: 'eth0' });
  pair.schedule.runFor(0);
  assert.deepEqual(ticks, [0]);
  pair.schedule.runFor(600);
  assert.equal(
    pair.one.decisions[0]?.action.kind === 'Silent' && pair.one.decisions[0].action.reason,
    'HolderStillAnswers',
  );
});

test('a peer that requests the claims gets all of them at once, but not twice in 200 ms', () => {
  const pair = Network.heldByTwo();
  const last = pair.since('n1', 'Heartbeat', 0).at(-1)?.message ?? assert.fail();
  const asks = (more: number): Heartbeat => ({ ...last, sequence: last.sequence + more, wantsClaims: true });
  const { now } = pair.schedule;
  pair.isCut = true;
  pair.two.receive(asks(1), 'eth0');
  pair.two.receive(asks(2), 'eth0');
  const lists = () => pair.since('n2', 'Claims', now).filter(({ message }) => message.fullSync !== undefined);
  assert.deepEqual(
    lists().map(({ at, message }) => [at - now, message.claims.map(({ uid }) => uid)]),
    [[0, ['u']]],
  );
  pair.schedule.runFor(200);
  pair.two.receive(asks(3), 'eth0');
  assert.deepEqual(
    lists().map(({ at }) => at - now),
    [0, 200],
  );
  // A message that was replayed is no request.
  pair.schedule.runFor(200);
  pair.two.receive(asks(3), 'eth0');
  assert.equal(lists().length, 2);
});

test('results of probes reach the holder', () => {
  const pair = Network.heldByTwo();
  const reports: ProbeReport[] = [];
  pair.two.probed.to((report) => reports.push(report));
  const results = [{ uid: 'u', term: 1, outcome: 'Verified', detail: '80' } as const];
  pair.one.report('n2', { results, roundMs: 5_000 });
  pair.schedule.runFor(1);
  assert.deepEqual(
    reports.map((report) => [report.results, report.roundMs]),
    [[results, 5_000]],
  );
});

test('messages are counted by outcome', () => {
  const pair = Network.heldByTwo();
  pair.schedule.runFor(2);
  const last = pair.since('n1', 'Heartbeat', 0).at(-1)?.message ?? assert.fail();
  const before = { ...pair.two.receptions };
  pair.two.receive(last, 'eth0');
  pair.two.receive({ ...last, to: { ...last.to, node: 'n3' } }, 'eth0');
  pair.two.receive({ ...last, sequence: last.sequence + 1 }, 'eth0');
  const { Taken, OtherAddressee, Replayed } = pair.two.receptions;
  assert.deepEqual(
    [Taken - before.Taken, OtherAddressee - before.OtherAddressee, Replayed - before.Replayed],
    [1, 1, 1],
  );
});

test('the links of a peer are known, and a change of them is reported', () => {
  const pair = Network.heldByTwo();
  assert.deepEqual(pair.one.linksOf('n2'), [linkOf('n2')]);
  assert.equal(pair.one.nodeOf(mac('n2')), 'n2');
  const changed = pair.times(pair.one.linksChanged);
  const more = [linkOf('n2'), { name: 'eth1', mac: '02:00:00:00:01:02', addresses: ['198.51.100.2/24'] }];
  pair.observe('n2', { links: more });
  pair.schedule.runFor(1);
  assert.deepEqual(changed, [1]);
  assert.deepEqual(pair.one.linksOf('n2'), more);
  pair.schedule.runFor(1_000);
  assert.deepEqual(changed, [1], 'the same links again are no change');
});

test('a message goes to the links that its receiver has reported', () => {
  const pair = Network.heldByTwo();
  const { now } = pair.schedule;
  pair.schedule.runFor(100);
  assert.deepEqual(pair.since('n1', 'Heartbeat', now).at(-1)?.onLinks, ['192.0.2.2']);
});

test('a link on which the packets of all peers are missed is reported once', () => {
  const names = ['n1', 'n2', 'n3'];
  const network = new Network([], names);
  const second = (node: string) => ({ name: 'eth1', mac: mac(node), addresses: [`198.51.100.${node.slice(1)}/24`] });
  network.pathsTo = () => ['eth0', 'eth1'];
  for (const node of names) network.observe(node, { links: [linkOf(node), second(node)], nodes: names });
  network.schedule.runFor(1_000);
  assert.deepEqual([...network.one.noInboundTraffic], []);
  const changed = network.times(network.one.linksChanged);
  network.pathsTo = (node) => (node === 'n1' ? ['eth0'] : ['eth0', 'eth1']);
  network.schedule.runFor(300);
  const probed = ['198.51.100.2', '198.51.100.3'].map((address) => ({ address, links: ['eth1'] }));
  assert.deepEqual(network.probes.at(-1)?.probes, probed);
  network.schedule.runFor(1_000);
  assert.deepEqual([...network.one.noInboundTraffic], ['eth1']);
  assert.equal(changed.length, 1);
});

test('a link on which nothing can be sent is not one that receives nothing', () => {
  const names = ['n1', 'n2', 'n3'];
  const network = new Network([], names);
  const second = (node: string) => ({ name: 'eth1', mac: mac(node), addresses: [`198.51.100.${node.slice(1)}/24`] });
  network.pathsTo = () => ['eth0', 'eth1'];
  for (const node of names) network.observe(node, { links: [linkOf(node), second(node)], nodes: names });
  network.schedule.runFor(1_000);
  network.pathsTo = (node) => (node === 'n1' ? ['eth0'] : ['eth0', 'eth1']);
  network.canProbe = false;
  network.schedule.runFor(2_000);
  assert.ok(network.probes.some(({ probes }) => probes.some(({ links }) => links.includes('eth1'))));
  assert.deepEqual([...network.one.noInboundTraffic], []);
});

test('the VIP of a silent peer is not taken while no probe can be sent', () => {
  const pair = Network.heldByTwo();
  pair.isCut = true;
  pair.canProbe = false;
  pair.schedule.runFor(5_000);
  assert.notEqual(pair.one.decisions[0]?.action.kind, 'Hold');
  pair.canProbe = true;
  pair.schedule.runFor(1_000);
  assert.equal(pair.one.decisions[0]?.action.kind, 'Hold');
});

test('a holder that another live node contested announces the VIP again', () => {
  const pair = Network.heldByTwo();
  const reasserted: (readonly string[])[] = [];
  pair.two.reasserted.to((vips) => reasserted.push(vips.map(({ uid }) => uid)));
  const last = pair.since('n1', 'Heartbeat', 0).at(-1)?.message ?? assert.fail();
  const weaker: Claim = { uid: 'u', term: 0, isolated: true, leaving: false };
  const { from, to, sequence, total } = last;
  pair.two.receive(
    { kind: 'Claims', from, to, sequence: sequence + 1, total, claims: [weaker], dropped: [], fullSync: undefined },
    'eth0',
  );
  pair.schedule.runFor(1);
  assert.deepEqual(reasserted, [['u']]);
});

test('exactly one live node reports on a VIP that no node holds', () => {
  const pair = Network.settled();
  assert.deepEqual(pair.one.living, ['n1', 'n2']);
  assert.equal(Number(pair.one.isReporter(vip.address)) + Number(pair.two.isReporter(vip.address)), 1);
});

test('a runner that was closed decides nothing, sends nothing, and leaves no timer', () => {
  const pair = Network.settled();
  pair.two.close();
  const { now } = pair.schedule;
  const ticks = pair.times(pair.one.ticked);
  pair.observe('n1');
  assert.equal(pair.timers.size, 2, 'the next decision, and one at once');
  pair.one.close();
  assert.equal(pair.timers.size, 0);
  pair.schedule.runFor(1_000);
  pair.one.decideNow();
  assert.deepEqual([ticks, pair.sent.get('n1')?.filter(({ at }) => at > now)], [[], []]);
});

test('silent milliseconds of a peer are reported; a peer that was never heard has none', () => {
  const pair = new Network();
  pair.observe('n1', { nodes: ['n1', 'n2', 'n3'] });
  pair.observe('n2');
  pair.schedule.runFor(1_000);
  const at = pair.schedule.now;
  const [two, three] = pair.one.peersAt(at + 0.4);
  assert.deepEqual(three, { node: 'n3', liveness: 'Unknown', reason: 'LivenessBlocked' });
  assert.ok(
    two?.liveness === 'Alive' && Number.isInteger(two.silentMs) && (two.silentMs ?? -1) >= 0,
    JSON.stringify(two),
  );
});
