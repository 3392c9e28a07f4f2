/** Decisions of speakers when probes and datagrams contradict each other, in virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyHolder, assertCalm, assertSettled, atMost, forSeeds } from './checks.ts';
import type { Cluster } from './cluster.ts';

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

test('a node whose port is blocked while the cluster starts holds no VIP that another node holds', () => {
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

test('with two nodes, the frames that one of them loses on a link silence no VIP of the other one', () => {
  forSeeds(5, { nodes: 2, vips: 8, cabling: 'Apart' }, (cluster) => {
    cluster.boot();
    const at = cluster.now;
    const [holder, other] = cluster.names as [string, string];
    const held = cluster.heldBy(holder);
    cluster.fabric.loseOneWay(other, holder, 'eth0');
    cluster.run(5_000);
    assert.equal(cluster.meter.longestSilence(at, held), 0);
  });
});

test('a holder whose link works keeps its VIPs when all other nodes lose their links', () => {
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

test('a host that is no node and answers for a VIP does not prevent the takeover from a dead holder', () => {
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

test('one-way loss between two nodes ends with one holder', () => {
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

test('a firewall that divides the nodes moves no VIP, and a VIP that both sides have taken ends with one holder', () => {
  for (const [nodes, here] of [
    [4, 2],
    [5, 2],
    [5, 3],
  ] as const) {
    forSeeds(4, { nodes, vips: 10 }, (cluster) => {
      cluster.boot();
      const divided = [cluster.names.slice(0, here), cluster.names.slice(here)];
      assertCalm(cluster, () => {
        cluster.fabric.portGroups = divided;
        cluster.run(10_000);
        cluster.heal();
        cluster.run(2_000);
      });
      cluster.fabric.portGroups = divided;
      cluster.run(2_000);
      cluster.api.goDown();
      cluster.speaker(anyHolder(cluster)).pause(1_000);
      cluster.run(7_000);
      const at = cluster.now;
      cluster.run(5_000);
      assert.deepEqual(cluster.unreached(), []);
      atMost('two answers, six seconds after the pause', cluster.meter.mostTwofold(at), 0);
      assert.equal(cluster.meter.moves(at), 0, 'moves');
    });
  }
});

test('a node whose port is blocked for long gives its VIPs to nodes that hear each other, and keeps them where none do', () => {
  forSeeds(3, { nodes: 3, vips: 8 }, (cluster) => {
    cluster.boot();
    const at = cluster.now;
    const blocked = anyHolder(cluster);
    cluster.fabric.blocked.add(blocked);
    cluster.run(90_000);
    assert.deepEqual(cluster.heldBy(blocked), []);
    assert.equal(cluster.meter.longestSilence(at), 0, 'silence');
    atMost('two answers', cluster.meter.mostTwofold(at), 1_000);
    const since = cluster.now;
    cluster.heal();
    cluster.run(5_000);
    assert.equal(cluster.meter.moves(since), 0, 'moves when it is heard again');
    assertSettled(cluster);
  });
  for (const nodes of [2, 3]) {
    forSeeds(3, { nodes, vips: 8 }, (cluster) => {
      cluster.boot();
      assertCalm(cluster, () => {
        for (const name of cluster.names) cluster.fabric.blocked.add(name);
        cluster.run(90_000);
        cluster.heal();
        cluster.run(3_000);
      });
    });
  }
});

/** Lets a holder die, in whose name a switch goes on to answer. Returns the time of the death. */
function dieBehindSwitch(cluster: Cluster): number {
  const dead = anyHolder(cluster);
  for (const uid of cluster.heldBy(dead)) cluster.strangers.set(uid, cluster.speaker(dead).macOn('eth0'));
  cluster.speaker(dead).powerOff();
  return cluster.now;
}

test('a switch that answers in the name of a dead node delays the takeover for a limited time', () => {
  forSeeds(3, { nodes: 3, vips: 4 }, (cluster) => {
    cluster.boot();
    const at = dieBehindSwitch(cluster);
    cluster.run(60_000);
    atMost('silence', cluster.meter.longestSilence(at), 35_000);
  });
});

test('with two nodes, too, such a switch delays the takeover for a limited time, and the VIPs do not move back', () => {
  forSeeds(3, { nodes: 2, vips: 8 }, (cluster) => {
    cluster.boot();
    const at = dieBehindSwitch(cluster);
    cluster.run(40_000);
    atMost('silence', cluster.meter.longestSilence(at), 35_000);
    const since = cluster.now;
    cluster.run(60_000);
    assert.equal(cluster.meter.moves(since), 0, 'moves');
    assert.deepEqual(cluster.unreached(), []);
  });
});

test('with two nodes, a holder that is alive answers probes to its own hardware address, and keeps its VIPs', () => {
  forSeeds(3, { nodes: 2, vips: 8 }, (cluster) => {
    cluster.boot();
    for (const name of cluster.names)
      for (const uid of cluster.heldBy(name)) cluster.strangers.set(uid, cluster.speaker(name).macOn('eth0'));
    assertCalm(cluster, () => {
      cluster.fabric.blocked.add(anyHolder(cluster));
      cluster.run(120_000);
      cluster.heal();
      cluster.run(3_000);
    });
  });
});

test('a node that lives and answers for VIPs of others, as a proxy does, delays no takeover', () => {
  forSeeds(4, { nodes: 3, vips: 6 }, (cluster) => {
    cluster.boot();
    const dead = anyHolder(cluster);
    const proxy = cluster.names.find((name) => name !== dead) ?? '';
    for (const uid of cluster.uids) cluster.strangers.set(uid, cluster.speaker(proxy).macOn('eth0'));
    const at = cluster.now;
    cluster.speaker(dead).powerOff();
    cluster.run(5_000);
    atMost('silence', cluster.meter.longestSilence(at), 500);
  });
});

test('a VIP that an isolated node gave up stays given up, also while the API server still names that node', () => {
  forSeeds(4, { nodes: 3, vips: 8 }, (cluster) => {
    cluster.boot();
    const blocked = anyHolder(cluster);
    cluster.api.goDown();
    cluster.fabric.blocked.add(blocked);
    cluster.run(2_000);
    cluster.speaker(blocked).pause(1_000);
    cluster.run(5_000);
    const at = cluster.now;
    cluster.run(10_000);
    assert.deepEqual(cluster.unreached(), []);
    atMost('two answers', cluster.meter.mostTwofold(at), 0);
    assert.equal(cluster.meter.moves(at), 0, 'moves');
  });
});

test('a holder whose link works keeps its VIPs when no frame comes through the links of all other nodes', () => {
  for (const nodes of [2, 3, 4]) {
    forSeeds(3, { nodes, vips: 8, cabling: 'Apart' }, (cluster) => {
      cluster.boot();
      const at = cluster.now;
      const holder = anyHolder(cluster);
      const held = cluster.heldBy(holder);
      for (const name of cluster.names) if (name !== holder) cluster.setCable(name, 'eth0', 'Dark');
      cluster.run(10_000);
      assert.equal(cluster.meter.longestSilence(at, held), 0, `${nodes} nodes`);
    });
  }
});

test('a link that no frame comes through stays out of use when the others lose theirs', () => {
  forSeeds(3, { nodes: 3, vips: 9, cabling: 'Apart' }, (cluster) => {
    cluster.boot();
    const [dark, cut] = cluster.names as [string, string];
    cluster.setCable(dark, 'eth0', 'Dark');
    cluster.run(3_000);
    const at = cluster.now;
    cluster.setCable(cut, 'eth0', 'NoCarrier');
    cluster.run(5_000);
    atMost('silence', cluster.meter.longestSilence(at), 500);
    assert.deepEqual(cluster.heldBy(dark), []);
  });
});

test('a node that no peer hears gives its VIPs up to those that claim them', () => {
  for (const nodes of [2, 3, 4]) {
    forSeeds(4, { nodes, vips: 8 }, (cluster) => {
      cluster.boot();
      for (const name of cluster.names.slice(1)) cluster.fabric.loseOneWay('node-0', name, 'eth0');
      cluster.run(5_000);
      const at = cluster.now;
      cluster.addVip(100);
      cluster.run(5_000);
      assert.deepEqual(cluster.unreached(), []);
      atMost('two answers', cluster.meter.mostTwofold(at), 100);
      cluster.heal();
      cluster.run(3_000);
      assertSettled(cluster);
    });
  }
});

test('a node that hears nothing, and is heard, gives its VIPs back to the nodes that hear each other', () => {
  for (const nodes of [3, 4]) {
    forSeeds(2, { nodes, vips: 8 }, (cluster) => {
      cluster.boot();
      for (const name of cluster.names.slice(1)) cluster.fabric.loseOneWay(name, 'node-0', 'eth0');
      cluster.run(8_000);
      const at = cluster.now;
      cluster.run(15_000);
      assert.deepEqual(cluster.unreached(), []);
      atMost('two answers', cluster.meter.mostTwofold(at), 0);
      const since = cluster.now;
      cluster.run(100_000);
      // It tries again more and more rarely: its peers may have died since.
      atMost('two answers in 100 seconds', cluster.meter.mostTwofold(since), 3_000);
      cluster.heal();
      cluster.run(3_000);
      assertSettled(cluster);
    });
  }
});
