/** Speakers that hear each other over a virtual network: which node holds a VIP, and when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { HolderElector } from '../../../src/election/holder-elector.ts';
import type { Vip } from '../../../src/election/view.ts';
import type { Message } from '../../../src/liveness/messages.ts';
import { ElectionRunner } from '../../../src/speaker/election/election-runner.ts';
import { Schedule } from '../../sim/schedule.ts';

const names = ['n1', 'n2', 'n3'];
const macOf = (node: string) => `02:00:00:00:00:0${node.slice(1)}`;

/** A few speakers in one subnet: real runners, on virtual time in steps of 10 ms. */
class Network {
  readonly runners = new Map<string, ElectionRunner>();
  readonly records = new Map<string, { readonly node: string; readonly term: number }>();
  /** Nodes with a cut cable or without power. */
  readonly dark = new Set<string>();
  /** The liveness port is closed everywhere, but ARP is still answered. */
  blocked = false;
  readonly vips: readonly string[];
  /** All messages that were sent, for a host that replays them. */
  readonly captured: Message[] = [];
  readonly #schedule = new Schedule();
  #incarnations = 0;

  constructor(vipCount: number) {
    this.vips = Array.from({ length: vipCount }, (_, i) => `192.0.2.${i + 10}`);
    for (const name of names) this.start(name);
  }

  get now(): number {
    return this.#schedule.now;
  }

  start(name: string): void {
    this.runners.get(name)?.close();
    const runner = new ElectionRunner({
      ...{ node: name, incarnation: String(++this.#incarnations).padStart(16, '0'), claims: [] },
      workerAgeMs: () => 0,
      ports: {
        clock: this.#schedule.clock(),
        send: (_, message) => this.#send(name, message),
        probe: (probes) => {
          for (const { address } of probes) this.#probe(name, address);
          return [];
        },
      },
    });
    runner.ticked.to(() => {
      for (const { vip, term, action } of runner.decisions) {
        if (action.kind === 'Hold') this.records.set(vip.address, { node: name, term });
      }
    });
    this.runners.set(name, runner);
    this.observe(name);
  }

  observe(name: string): void {
    const vips = this.vips.map((address): Vip => {
      const recorded = this.records.get(address);
      const [eligible, linksOf] = [new Set(names), () => ['eth0']];
      return { uid: `uid-${address}`, address: address as Ip, eligible, serves: () => true, linksOf, recorded };
    });
    const nodes = new Map(names.map((node) => [node, { draining: false }]));
    const links = [{ name: 'eth0', mac: macOf(name), addresses: [`192.0.2.${name.slice(1)}/24`] }];
    this.runners.get(name)?.observe({ vips, nodes, links });
  }

  /** Lets time pass, and calls `each` every 10 ms. */
  run(ms: number, each: () => void = () => undefined): void {
    for (let passed = 0; passed < ms; passed += 10) {
      each();
      this.#schedule.runFor(10);
    }
  }

  /** A host on the wire replays captured messages, on another path. */
  replay(messages: readonly Message[], path: string): void {
    for (const message of messages) this.runners.get(message.to.node)?.receive(message, path);
  }

  #send(from: string, message: Message): void {
    this.captured.push(message);
    if (this.blocked || this.dark.has(from) || this.dark.has(message.to.node)) return;
    this.#schedule.in(0, () => this.runners.get(message.to.node)?.receive(message, 'eth0'));
  }

  #probe(from: string, address: string): void {
    if (this.dark.has(from)) return;
    const holder = this.holdersOf(address).find((node) => node !== from && !this.dark.has(node));
    if (holder)
      this.#schedule.in(0, () => this.runners.get(from)?.heardOnWire({ address, mac: macOf(holder), link: 'eth0' }));
  }

  /** The nodes that answer for an address. */
  holdersOf(address: string): readonly string[] {
    return [...this.runners]
      .filter(([, { decisions }]) =>
        decisions.some(({ vip, action }) => vip.address === address && action.kind === 'Hold'),
      )
      .map(([name]) => name);
  }

  /** The holder of each VIP, as seen from the reachable nodes. */
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

test('every new VIP gets one holder, and no node gets more than its share', () => {
  const loads = new Map<string, number>();
  for (const holder of Object.values(settled(30).holders())) loads.set(holder, (loads.get(holder) ?? 0) + 1);
  for (const [node, load] of loads) assert.ok(load <= Math.ceil((1.25 * 30) / 3), `${node} holds ${load}`);
});

test('a dead node loses its VIPs within half a second, other nodes keep theirs, and its return moves nothing', () => {
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

test('a firewall on the port moves no VIP: the holders still answer on the wire', () => {
  const network = settled();
  const before = network.holders();
  network.blocked = true;
  network.run(10_000, () => assert.deepEqual(network.holders(), before));
  network.blocked = false;
  network.run(2_000, () => assert.deepEqual(network.holders(), before));
});

test('a speaker that announces its restart keeps its VIPs, and another one stands in meanwhile', () => {
  const network = settled();
  const before = network.holders();
  const vip = network.vips[0] ?? '';
  const restarting = before[vip] ?? assert.fail();
  const old = network.runners.get(restarting) ?? assert.fail();
  old.announceRestart();
  network.run(110);
  old.close();
  network.runners.delete(restarting);
  network.run(1_000);
  const standIns = [...network.runners].filter(([, { decisions }]) =>
    decisions.some(({ vip: { address }, action }) => address === vip && action.kind === 'StandIn'),
  );
  assert.equal(standIns.length, 1);
  network.start(restarting);
  network.run(2_000);
  assert.deepEqual(network.holders(), before);
});

test('after a power cut, all nodes start from the record', () => {
  const network = settled();
  const before = network.holders();
  for (const name of names) network.start(name);
  network.run(2_000);
  assert.deepEqual(network.holders(), before);
});

test('replayed datagrams, on any path, have no effect on holders: they neither move a VIP nor keep a dead node alive', () => {
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
    // One datagram every 50 ms to each of the other nodes: as many as heartbeats.
    if (network.now % 50 === 0) {
      network.replay(captured.slice(next, next + 2), 'another');
      next += 2;
    }
    const all = Object.values(network.holders());
    if (all.every((holder) => holder !== '') && movedAt > network.now) movedAt = network.now;
  });
  assert.ok(movedAt - diedAt <= 500, `all moved after ${movedAt - diedAt} ms`);
});

test('claims from before a restart are remembered over the next one too, until a node claims the VIP', () => {
  const claims = ['a', 'b'].map((uid) => ({ uid, term: 3, isolated: false, leaving: false }));
  const elector = new HolderElector({ node: 'n1', incarnation: '1'.padStart(16, '0') }, 0, claims);
  assert.deepEqual(elector.toRemember, claims);
  elector.peers.claims.set('n2', { uid: 'a', term: 4, isolated: false, leaving: false });
  const own = { uid: 'b', term: 5, isolated: false, leaving: false };
  elector.peers.claims.set('n1', own);
  assert.deepEqual(elector.toRemember, [own]);
});
