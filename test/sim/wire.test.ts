/** Decisions of speakers when probes and datagrams contradict each other, in virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { promise } from '../honesty/promise.ts';
import { anyHolder, assertCalm, assertSettled, atMost, forSeeds } from './checks.ts';

test('a node whose port is blocked keeps its VIPs, and no VIP moves when the port is open again', () => {
  for (const nodes of [2, 3, 5]) {
    forSeeds(5, { nodes, vips: 8 }, (cluster) => {
      cluster.boot();
      assertCalm(cluster, () => {
        cluster.fabric.blocked.add(anyHolder(cluster));
        cluster.run(10_000);
        cluster.heal();
        cluster.run(3_000);
      });
    });
  }
});

test('a node whose port is blocked and whose speaker was paused yields to the node that has taken over its VIPs', () => {
  for (const nodes of [3, 5]) {
    forSeeds(2, { nodes, vips: 8 }, (cluster) => {
      cluster.boot();
      const blocked = anyHolder(cluster);
      cluster.fabric.blocked.add(blocked);
      cluster.run(3_000);
      cluster.speaker(blocked).pause(1_000);
      cluster.run(6_000);
      const at = cluster.now;
      cluster.run(2_000);
      assert.deepEqual(cluster.unreached(), []);
      atMost('two answers, five seconds after the pause', cluster.meter.mostTwofold(at), 0);
    });
  }
});

promise('a node whose port is blocked while the cluster starts holds no VIP that another node holds', () => {
  forSeeds(6, { nodes: 3, vips: 8 }, (cluster) => {
    cluster.fabric.blocked.add('node-0');
    cluster.boot({ withinMs: 1_000, settleMs: 8_000 });
    const at = cluster.now;
    cluster.run(1_000);
    assert.deepEqual(cluster.unreached(), []);
    atMost('two answers, eight seconds after the start', cluster.meter.mostTwofold(at), 0);
  });
});

test('with two nodes and a separate network for VIPs, a broken link of one node silences no VIP of the other one', () => {
  for (const state of ['NoCarrier', 'Dark'] as const) {
    forSeeds(5, { nodes: 2, vips: 8, cabling: 'Apart' }, (cluster) => {
      cluster.boot();
      const at = cluster.now;
      const [holder, other] = cluster.names as [string, string];
      const held = cluster.heldBy(holder);
      assert.notDeepEqual(held, []);
      cluster.setCable(other, 'eth0', state);
      cluster.run(5_000);
      assert.equal(cluster.meter.longestSilence(at, held), 0, state);
    });
  }
});

promise('a holder whose link works keeps its VIPs when all other nodes lose their links', () => {
  forSeeds(2, { nodes: 3, vips: 8, cabling: 'Apart' }, (cluster) => {
    cluster.boot();
    const at = cluster.now;
    const holder = anyHolder(cluster);
    const held = cluster.heldBy(holder);
    for (const name of cluster.names) if (name !== holder) cluster.setCable(name, 'eth0', 'NoCarrier');
    cluster.run(5_000);
    atMost('silence of a holder with a link', cluster.meter.longestSilence(at, held), 0);
  });
});

promise('a host that is no node and answers for a VIP does not prevent the takeover from a dead holder', () => {
  for (const nodes of [2, 3]) {
    forSeeds(2, { nodes, vips: 4 }, (cluster) => {
      cluster.boot();
      const at = cluster.now;
      cluster.strangers.set('uid-0', '02:99:00:00:00:01');
      cluster.speaker(anyHolder(cluster)).powerOff();
      cluster.run(10_000);
      const others = cluster.uids.filter((uid) => uid !== 'uid-0');
      atMost('silence of the other VIPs', cluster.meter.longestSilence(at, others), 500);
      atMost('silence of the VIP that a foreign host answers for', cluster.meter.longestSilence(at), 5_000);
    });
  }
});

test('one-way loss between two of three nodes moves no VIP', () => {
  for (const cabling of ['One', 'Apart'] as const) {
    forSeeds(5, { nodes: 3, vips: 8, cabling }, (cluster) => {
      cluster.boot();
      assertCalm(cluster, () => {
        for (const cable of ['eth0', 'mgmt']) cluster.fabric.loseOneWay('node-0', 'node-1', cable);
        cluster.run(10_000);
      });
    });
  }
});

promise('one-way loss between two nodes ends with one holder', () => {
  forSeeds(2, { nodes: 2, vips: 8 }, (cluster) => {
    cluster.boot();
    cluster.fabric.loseOneWay('node-0', 'node-1', 'eth0');
    cluster.run(10_000);
    const at = cluster.now;
    cluster.run(5_000);
    assert.deepEqual(cluster.unreached(), []);
    atMost('two answers, ten seconds later', cluster.meter.mostTwofold(at), 0);
  });
});

test('a restart whose announcement one peer does not hear moves no VIP', () => {
  forSeeds(2, { nodes: 3, vips: 13 }, (cluster) => {
    cluster.boot();
    const at = cluster.now;
    const [restarting, unaware] = cluster.names as [string, string];
    assert.notDeepEqual(cluster.heldBy(restarting), []);
    // Until the speaker ends after the announcement of its restart.
    cluster.fabric.loseOneWay(restarting, unaware, 'eth0');
    cluster.schedule.in(25, () => cluster.heal());
    cluster.speaker(restarting).restart({ downMs: 1_500 });
    cluster.run(5_000);
    assertSettled(cluster);
    atMost('moves by a restart', cluster.meter.moves(at), 0);
  });
});
