/**
 * A speaker with incomplete knowledge: it never gets the claims of a peer, or hears a peer on the
 * wire only.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { HolderElector } from '../../../src/election/holder-elector.ts';
import { type ClaimsDigest, type Heartbeat, noClaims } from '../../../src/liveness/messages.ts';

const self = { node: 'n1', incarnation: '1'.repeat(16) };
const peer = { node: 'n2', incarnation: '2'.repeat(16) };
const peerMac = '02:00:00:00:00:02';
const address = '192.0.2.10' as Ip;
const eligible = new Set(['n1']);

/** A speaker with one peer, and a VIP that only the speaker itself may hold. */
class Pair {
  now = 0;
  readonly keeper = new HolderElector(self, 0);
  #sequence = 0;

  constructor() {
    const vip = { uid: 'u', address, eligible, serves: () => true, linksOf: () => ['eth0'], recorded: undefined };
    const nodes = new Map(['n1', 'n2'].map((node) => [node, { draining: false }]));
    const links = [{ name: 'eth0', mac: '02:00:00:00:00:01', addresses: ['192.0.2.1/24'] }];
    this.keeper.observe({ vips: [vip], nodes, links });
  }

  /** Lets time pass in steps of 50 ms. */
  run(ms: number, each: () => void = () => undefined): this {
    for (const end = this.now + ms; this.now < end; this.now += 50) {
      each();
      this.keeper.tick(this.now);
    }
    return this;
  }

  /** The peer sends a heartbeat with the digest of these claims. */
  readonly beat = (total: ClaimsDigest = noClaims): void => {
    const beat: Heartbeat = {
      ...{ kind: 'Heartbeat', from: peer, to: { ...self, newest: self.incarnation }, sequence: ++this.#sequence },
      ...{
        rules: 1,
        state: 'Serving',
        nextMs: 100,
        ages: { loop: 0, worker: 0 },
        heard: [],
        total,
        wantsClaims: false,
      },
      links: [{ name: 'eth0', mac: peerMac, addresses: ['192.0.2.2/24'] }],
    };
    this.keeper.receive(beat, 'eth0', this.now);
  };

  get action(): string | undefined {
    const [decision] = this.keeper.decisions;
    return decision?.action.kind === 'Silent' ? decision.action.reason : decision?.action.kind;
  }

  get holds(): boolean {
    return this.keeper.claims.has('u');
  }
}

/**
 * A speaker that holds its VIP and has not heard its peer for half a second. It continues as a node
 * that hears no other node.
 */
function left(): Pair {
  const pair = new Pair();
  pair.run(1_000, pair.beat);
  assert.equal(pair.action, 'Hold');
  pair.run(500);
  assert.equal(pair.keeper.claims.get('u')?.isolated, false);
  return pair;
}

test('a peer that lives and does not send its claims is waited for, for a second and no longer', () => {
  const pair = new Pair();
  const untold = () => pair.beat({ count: 1, sum: 1 });
  pair.run(900, untold);
  assert.equal(pair.action, 'Listening');
  pair.run(300, untold);
  assert.equal(pair.action, 'Hold');
});

test('a node that hears no peer gives way to a node that has answered for its VIP for half a second', () => {
  const pair = left();
  const answer = () => pair.keeper.heardOnWire({ address, mac: peerMac, link: 'eth0' }, pair.now);
  pair.run(450, answer);
  assert.equal(pair.holds, true);
  pair.run(100, answer);
  assert.equal(pair.holds, false);
  assert.notEqual(pair.action, 'Hold');
});

test('a node does not give way to a host that is no node, nor while it hears its peers', () => {
  const alone = left();
  alone.run(2_000, () => alone.keeper.heardOnWire({ address, mac: '02:99:00:00:00:01', link: 'eth0' }, alone.now));
  assert.equal(alone.action, 'Hold');
  const heard = new Pair();
  heard.run(3_000, () => {
    heard.beat();
    heard.keeper.heardOnWire({ address, mac: peerMac, link: 'eth0' }, heard.now);
  });
  assert.equal(heard.action, 'Hold');
});

test('a node does not give way to the hardware address of a peer on a link where the VIP is not announced', () => {
  const pair = left();
  pair.run(2_000, () => pair.keeper.heardOnWire({ address, mac: peerMac, link: 'cali1' }, pair.now));
  assert.deepEqual([pair.action, pair.holds], ['Hold', true]);
});

test('a node that hears no peer gives up at once a VIP that it claimed alone when another node answers for it', () => {
  const pair = new Pair();
  // One heartbeat makes the peer's hardware address known. Then the peer is silent while the node
  // waits for it.
  pair.beat({ count: 1, sum: 1 });
  pair.run(3_000);
  assert.deepEqual([pair.action, pair.keeper.claims.get('u')?.isolated], ['Hold', true]);
  pair.keeper.heardOnWire({ address, mac: peerMac, link: 'eth0' }, pair.now);
  assert.equal(pair.holds, false);
});

test('a datagram of a node that does not exist makes no other node: a host may send an old one again', () => {
  const keeper = new HolderElector(self, 0);
  const vip = { uid: 'u', address, eligible, serves: () => true, linksOf: () => ['eth0'], recorded: undefined };
  keeper.observe({ vips: [vip], nodes: new Map([['n1', { draining: false }]]), links: [] });
  const old: Heartbeat = {
    ...{ kind: 'Heartbeat', from: { node: 'gone', incarnation: '9'.repeat(16) }, sequence: 1, rules: 1 },
    ...{ to: { node: 'n1', incarnation: '8'.repeat(16), newest: '8'.repeat(16) }, state: 'Serving', nextMs: 100 },
    ...{ ages: { loop: 0, worker: 0 }, links: [], heard: [], total: noClaims, wantsClaims: false },
  };
  keeper.receive(old, 'eth0', 50);
  const { heartbeats } = keeper.tick(100);
  assert.deepEqual(heartbeats, ['gone'], 'it is answered');
  assert.deepEqual(keeper.others, []);
  assert.equal(keeper.claims.get('u')?.isolated, false);
});
