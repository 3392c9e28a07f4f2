/** Which frames show that the kernel of a silent node still runs. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import { DeadNodeWatch } from '../../../../src/speaker/dataplane/dead-node-watch.ts';
import type { WireProbe } from '../../../../src/speaker/election/wire-probes.ts';
import { link, VirtualTime } from '../node-in-a-box.ts';

const address = '192.0.2.9' as Ip;
const mac = '02:00:00:00:00:09';

/** The dead nodes after a second in which an answer for the address of a silent node is heard on a link again and again. */
function deadWith(t: TestContext, on: string) {
  const time = new VirtualTime(t);
  const probes: WireProbe[] = [];
  const watch = new DeadNodeWatch({
    runner: {
      membership: { present: ['n1'], lost: ['n2'] },
      linksOf: () => [{ name: 'eth0', mac, addresses: [`${address}/24`] }],
    },
    links: () => [link('cali1', { addresses: [] }), link('eth0')],
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
  const { dead, probes } = deadWith(t, 'eth0');
  assert.deepEqual(dead, []);
  assert.deepEqual(probes[0], { address, links: ['eth0'] });
});

test('a frame of a Pod on its own link shows nothing about a node', (t) => {
  assert.deepEqual(deadWith(t, 'cali1').dead, ['n2']);
});
