/** Speakers that hear each other over a virtual network: who holds a VIP, and when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { HolderElector } from '../../../src/election/holder-elector.ts';
import type { Vip } from '../../../src/election/view.ts';
import type { Message } from '../../../src/liveness/messages.ts';

const names = ['n1', 'n2', 'n3'];
const ages = { loop: 0, worker: 0 };
const macOf = (node: string) => `02:00:00:00:00:0${node.slice(1)}`;

/** A few speakers in one subnet. Time is virtual, and goes in steps of 10 ms. */
class Network {
  readonly keepers = new Map<string, HolderElector>();
  readonly records = new Map<string, { readonly node: string; readonly term: number }>();
  /** Nodes whose cable is cut or whose power is off. */
  readonly dark = new Set<string>();
  /** The liveness port is closed everywhere; the wire still answers. */
  blocked = false;
  /** What speakers of other versions say of their rules. */
  readonly rules = new Map<string, number>();
  readonly vips: readonly string[];
  now = 0;
  /** Everything that was sent, for those who want to send it again. */
  readonly captured: Message[] = [];
  #incarnations = 0;

  constructor(vipCount: number) {
    this.vips = Array.from({ length: vipCount }, (_, i) => `192.0.2.${i + 10}`);
    for (const name of names) this.start(name);
  }

  start(name: string): void {
    const incarnation = String(++this.#incarnations).padStart(16, '0');
    this.keepers.set(name, new HolderElector({ node: name, incarnation }, this.now));
    this.observe(name);
  }

  observe(name: string): void {
    const vips = this.vips.map((address): Vip => {
      const recorded = this.records.get(address);
      return { uid: `uid-${address}`, address: address as Ip, eligible: new Set(names), serves: () => true, recorded };
    });
    const nodes = new Map(names.map((node) => [node, { draining: false }]));
    const links = [{ name: 'eth0', mac: macOf(name), addresses: [`192.0.2.${name.slice(1)}/24`] }];
    this.keepers.get(name)?.observe({ vips, nodes, links });
  }

  /** Lets time pass; calls `each` every 10 ms. */
  run(ms: number, each: () => void = () => undefined): void {
    for (const end = this.now + ms; this.now < end; this.now += 10) {
      for (const [name, keeper] of this.keepers) this.#turn(name, keeper);
      each();
    }
  }

  #turn(name: string, keeper: HolderElector): void {
    if (this.now % 100 !== 0 && !keeper.hasUrgentWork) return;
    const { hasDelta: news, heartbeats: beats, asks } = keeper.tick(this.now);
    if (news) for (const part of keeper.takeDeltas()) for (const node of keeper.others) this.#send(name, part(node));
    for (const node of beats) {
      const said = keeper.heartbeatFor(node, this.now, ages);
      const beat = { ...said, rules: this.rules.get(name) ?? said.rules };
      this.#send(name, beat);
      const peer = this.keepers.get(node);
      if (beat.wantsClaims && peer) for (const part of peer.fullSync(name)) this.#send(node, part);
    }
    for (const { address } of asks) {
      const holder = this.holdersOf(address).find(
        (node) => node !== name && !this.dark.has(node) && !this.dark.has(name),
      );
      if (holder) keeper.heardOnWire(address, macOf(holder), this.now);
    }
    for (const { vip, term, action } of keeper.decisions) {
      if (action.kind === 'Hold') this.records.set(vip.address, { node: name, term });
    }
  }

  /** Somebody on the wire sends again what he has captured, on another path. */
  replay(messages: readonly Message[], path: string): void {
    for (const message of messages) this.keepers.get(message.to.node)?.receive(message, path, this.now);
  }

  #send(from: string, message: Message): void {
    this.captured.push(message);
    if (this.blocked || this.dark.has(from) || this.dark.has(message.to.node)) return;
    this.keepers.get(message.to.node)?.receive(message, 'eth0', this.now);
  }

  /** The nodes that answer for an address. */
  holdersOf(address: string): readonly string[] {
    return [...this.keepers]
      .filter(([, { decisions }]) =>
        decisions.some(({ vip, action }) => vip.address === address && action.kind === 'Hold'),
      )
      .map(([name]) => name);
  }

  /** Who holds what, as seen from the nodes that are reachable. */
  holders(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.vips.map((address) => [
        address,
        this.holdersOf(address)
          .filter((node) => !this.dark.has(node))
          .join('+'),
      ]),
    );
  }
}

function settled(vipCount = 12): Network {
  const network = new Network(vipCount);
  network.run(1_500);
  for (const holder of Object.values(network.holders())) assert.match(holder, /^n\d$/);
  return network;
}

test('every new VIP gets one holder, and none gets more than its share', () => {
  const loads = new Map<string, number>();
  for (const holder of Object.values(settled(30).holders())) loads.set(holder, (loads.get(holder) ?? 0) + 1);
  for (const [node, load] of loads) assert.ok(load <= Math.ceil((1.25 * 30) / 3), `${node} holds ${load}`);
});

test('a dead node loses its VIPs within half a second, the others keep theirs, and its return moves nothing (A1)', () => {
  const network = settled();
  const before = network.holders();
  const dead = before[network.vips[0] ?? ''] ?? assert.fail();
  network.dark.add(dead);
  const diedAt = network.now;
  let servedAt: number | undefined;
  network.run(2_000, () => {
    const all = Object.values(network.holders()).every((holder) => holder !== '');
    servedAt ??= all ? network.now : undefined;
  });
  assert.ok((servedAt ?? Number.POSITIVE_INFINITY) - diedAt <= 510, `after ${(servedAt ?? 0) - diedAt} ms`);
  const after = network.holders();
  for (const vip of network.vips) if (before[vip] !== dead) assert.equal(after[vip], before[vip]);

  network.start(dead);
  network.dark.delete(dead);
  for (const name of names) network.observe(name);
  network.run(3_000, () => assert.deepEqual(network.holders(), after));
});

test('A2 a firewall on the port moves nothing: the holders still answer on the wire', () => {
  const network = settled();
  const before = network.holders();
  network.blocked = true;
  network.run(10_000, () => assert.deepEqual(network.holders(), before));
  network.blocked = false;
  network.run(2_000, () => assert.deepEqual(network.holders(), before));
});

test('B6 a speaker that says it restarts keeps its VIPs, and another one stands in meanwhile', () => {
  const network = settled();
  const before = network.holders();
  const vip = network.vips[0] ?? '';
  const restarting = before[vip] ?? assert.fail();
  const old = network.keepers.get(restarting) ?? assert.fail();
  old.announceState('Restarting');
  network.run(110);
  network.keepers.delete(restarting);
  network.run(1_000);
  const standIns = [...network.keepers].filter(([, { decisions }]) =>
    decisions.some(({ vip: { address }, action }) => address === vip && action.kind === 'StandIn'),
  );
  assert.equal(standIns.length, 1);
  network.start(restarting);
  network.run(2_000);
  assert.deepEqual(network.holders(), before);
});

test('all nodes start from the record after a power cut', () => {
  const network = settled();
  const before = network.holders();
  for (const name of names) network.start(name);
  network.run(2_000);
  assert.deepEqual(network.holders(), before);
});

test('B7 during an upgrade all go by the lowest version of the rules that is heard, until its speaker is gone', () => {
  const network = settled();
  const rules = () => names.map((name) => network.keepers.get(name)?.peers.rulesAt(network.now));
  assert.deepEqual(rules(), [1, 1, 1]);
  network.rules.set('n1', 0);
  network.run(500);
  assert.deepEqual(rules().slice(1), [0, 0]);
  network.rules.set('n2', 7);
  network.run(500);
  assert.equal(network.keepers.get('n3')?.peers.rulesAt(network.now), 0, 'a newer one adapts to the older ones');
  network.dark.add('n1');
  network.run(1_000);
  assert.equal(
    network.keepers.get('n3')?.peers.rulesAt(network.now),
    1,
    'its own, which the newer one has to adapt to',
  );
});

test('B3 datagrams that are sent again, on whatever path, have no effect on holders: they neither move a VIP nor keep the dead alive', () => {
  const network = settled();
  const before = network.holders();
  const old = network.captured.slice();
  network.run(1_000, () => network.replay(old.slice(-200), 'routed'));
  assert.deepEqual(network.holders(), before);
  network.dark.add('n1');
  const captured = network.captured.filter(({ from }) => from.node === 'n1');
  let next = 0;
  const diedAt = network.now;
  let movedAt = Number.POSITIVE_INFINITY;
  network.run(2_000, () => {
    // One datagram every 50 ms to each of the others: as good as beats.
    if (network.now % 50 === 0) {
      network.replay(captured.slice(next, next + 2), 'another');
      next += 2;
    }
    const all = Object.values(network.holders());
    if (all.every((holder) => holder !== '') && movedAt > network.now) movedAt = network.now;
  });
  assert.ok(movedAt - diedAt <= 500, `all moved after ${movedAt - diedAt} ms`);
});

test('B9 claims from before a restart are remembered over the next one too, until somebody claims the VIP', () => {
  const claims = ['a', 'b'].map((uid) => ({ uid, term: 3, isolated: false, leaving: false }));
  const keeper = new HolderElector({ node: 'n1', incarnation: '1'.padStart(16, '0') }, 0, claims);
  assert.deepEqual(keeper.toRemember, claims);
  keeper.peers.claims.set('n2', { uid: 'a', term: 4, isolated: false, leaving: false });
  const own = { uid: 'b', term: 5, isolated: false, leaving: false };
  keeper.peers.claims.set('n1', own);
  assert.deepEqual(keeper.toRemember, [own]);
});
