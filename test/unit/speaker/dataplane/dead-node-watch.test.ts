/** Which frames show that the kernel of a silent node still runs. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { Link } from '../../../../src/linux/links.ts';
import type { PeerLink } from '../../../../src/liveness/messages.ts';
import { DeadNodeWatch } from '../../../../src/speaker/dataplane/dead-node-watch.ts';
import type { WireProbe } from '../../../../src/speaker/election/wire-probes.ts';
import { link, VirtualTime } from '../node-in-a-box.ts';

const address = '192.0.2.9' as Ip;
const mac = '02:00:00:00:00:09';
const eth0 = { name: 'eth0', mac, addresses: [`${address}/24`] };

interface Wire {
  /** The link on which an answer for the address of a silent node is heard again and again. */
  readonly on?: string;
  readonly own?: readonly Link[];
  readonly its?: readonly PeerLink[];
}

/** The dead nodes after a second. */
function deadWith(t: TestContext, { on = 'none', own = [link('eth0')], its = [eth0] }: Wire) {
  const time = new VirtualTime(t);
  const probes: WireProbe[] = [];
  const watch = new DeadNodeWatch({
    runner: {
      membership: { present: ['n1'], lost: ['n2'] },
      linksOf: () => its,
    },
    links: () => [link('cali1', { addresses: [] }), ...own],
    prober: {
      probe: (all) => {
        probes.push(...all);
        return [];
      },
    },
  });
  t.after(() => watch.close());
  time.run(1_000, () => {
    watch.heard({ address, mac, link: on });
    watch.review();
  });
  return { dead: watch.dead, probes };
}

test('an answer on the link of the node counts, and is asked for there', (t) => {
  const { dead, probes } = deadWith(t, { on: 'eth0' });
  assert.deepEqual(dead, []);
  assert.deepEqual(probes[0], { address, links: ['eth0'] });
});

test('a frame of a Pod on its own link shows nothing about a node', (t) => {
  assert.deepEqual(deadWith(t, { on: 'cali1' }).dead, ['n2']);
});

test('a bridge that has the same address on each node leads to no other node: one behind a router is never dead', (t) => {
  const docker = link('docker0', { addresses: [{ address: '172.17.0.1' as Ip, prefix: 16 }] });
  const its = [
    { ...eth0, addresses: ['198.51.100.9/24'] },
    { name: 'docker0', mac: '02:42:00:00:00:09', addresses: ['172.17.0.1/16', '172.17.0.9/16'] },
  ];
  const { dead, probes } = deadWith(t, { own: [link('eth0'), docker], its });
  assert.deepEqual({ dead, probes }, { dead: [], probes: [] });
});

test('an address that two nodes have for a moment hides none of their other addresses', (t) => {
  const floating = { address: '192.0.2.100' as Ip, prefix: 24 };
  const own = [link('eth0', { addresses: [{ address: '192.0.2.1' as Ip, prefix: 24 }, floating] })];
  const { dead, probes } = deadWith(t, { own, its: [{ ...eth0, addresses: [`${address}/24`, '192.0.2.100/24'] }] });
  assert.deepEqual(dead, ['n2']);
  assert.deepEqual([...new Set(probes.map((one) => one.address))], [address]);
});
