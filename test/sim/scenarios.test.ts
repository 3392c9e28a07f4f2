/** The promises about the holders of VIPs, in virtual time, with many seeds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyHolder, assertCalm, assertSettled, assertTakenOver, atMost, forSeeds } from './checks.ts';

for (const [nodes, seeds] of [
  [2, 50],
  [3, 50],
  [29, 2],
  [30, 2],
] as const) {
  test(`${nodes} nodes: when a holder dies, another node answers for its VIPs within 500 ms`, () => {
    forSeeds(seeds, { nodes, vips: Math.min(2 * nodes, 60) }, (cluster) => {
      cluster.boot();
      assertTakenOver(cluster);
    });
  });
}

test('a holder that loses its link is replaced within 500 ms, and gets no VIP back', () => {
  for (const state of ['NoCarrier', 'Dark'] as const) {
    for (const cabling of ['One', 'Apart'] as const) {
      forSeeds(10, { nodes: 3, vips: 6, cabling }, (cluster) => {
        cluster.boot();
        const cut = anyHolder(cluster);
        const at = cluster.now;
        cluster.setCable(cut, 'eth0', state);
        cluster.run(3_000);
        atMost(`${state} ${cabling}: silence`, cluster.meter.longestSilence(at), 500);
        const holders = cluster.holders().filter((name) => name !== cut);
        const backAt = cluster.now;
        cluster.setCable(cut, 'eth0', 'Up');
        cluster.run(3_000);
        atMost('two answers after its return', cluster.meter.mostTwofold(backAt), 500);
        assert.equal(cluster.meter.longestSilence(backAt), 0);
        assertSettled(cluster);
        assert.deepEqual(cluster.holders(), holders, 'moves by the return');
      });
    }
  }
});

test('a node that returns moves no VIP, not even while the API server is down and names it as holder', () => {
  for (const apiDown of [false, true]) {
    for (const remembers of [false, true]) {
      forSeeds(10, { nodes: 3, vips: 9 }, (cluster) => {
        cluster.boot();
        const dead = anyHolder(cluster);
        if (apiDown) cluster.api.goDown();
        cluster.speaker(dead).kill();
        cluster.run(3_000);
        assertCalm(cluster, () => {
          cluster.speaker(dead).start({ remembers });
          cluster.run(3_000);
          cluster.api.recover();
          cluster.run(3_000);
        });
      });
    }
  }
});

test('a blocked port, from the start or later, moves no VIP', () => {
  for (const nodes of [2, 3, 5]) {
    forSeeds(10, { nodes, vips: 8 }, (cluster) => {
      for (const name of cluster.names) cluster.fabric.blocked.add(name);
      cluster.boot({ settleMs: 8_000 });
      const at = cluster.now;
      cluster.run(5_000);
      assert.equal(cluster.meter.longestSilence(at), 0, 'silence from the start');
      atMost('two answers', cluster.meter.mostTwofold(0), 100);
    });
    forSeeds(10, { nodes, vips: 8 }, (cluster) => {
      cluster.boot();
      assertCalm(cluster, () => {
        for (const name of cluster.names) cluster.fabric.blocked.add(name);
        cluster.run(10_000);
        cluster.heal();
        cluster.run(3_000);
      });
    });
  }
});

test('a dead holder is replaced even if the port is blocked on all nodes', () => {
  forSeeds(10, { nodes: 3, vips: 6 }, (cluster) => {
    cluster.boot();
    for (const name of cluster.names) cluster.fabric.blocked.add(name);
    cluster.run(3_000);
    const at = cluster.now;
    cluster.speaker(anyHolder(cluster)).kill();
    cluster.run(6_000);
    atMost('silence', cluster.meter.longestSilence(at), 3_000);
    const since = cluster.now;
    cluster.run(2_000);
    assert.equal(cluster.meter.mostTwofold(since), 0);
  });
});

test('two nodes: after a partition each VIP stays with its former holder', () => {
  forSeeds(30, { nodes: 2, vips: 6 }, (cluster) => {
    cluster.boot();
    const holders = cluster.holders();
    cluster.partition(['node-1'], ['eth0']);
    cluster.run(4_000);
    assert.deepEqual(cluster.unreached(), [], 'the client still reaches every VIP');
    const at = cluster.now;
    cluster.heal();
    cluster.run(3_000);
    atMost('two answers', cluster.meter.mostTwofold(at), 500);
    assert.equal(cluster.meter.longestSilence(at), 0);
    assert.deepEqual(cluster.holders(), holders);
    assertSettled(cluster);
  });
});

test('a partition heals within 500 ms', () => {
  for (const nodes of [4, 7, 40]) {
    forSeeds(nodes === 40 ? 1 : 10, { nodes, vips: 12 }, (cluster) => {
      cluster.boot();
      cluster.partition(cluster.names.slice(0, nodes >> 1), ['eth0']);
      cluster.run(5_000);
      const at = cluster.now;
      cluster.heal();
      cluster.run(3_000);
      atMost('two answers', cluster.meter.mostTwofold(at), 500);
      assert.equal(cluster.meter.longestSilence(at), 0);
      assertSettled(cluster);
    });
  }
});

test('speakers restart one after the other: no VIP moves, and one node always answers', () => {
  for (const nodes of [2, 3, 5]) {
    for (const remembers of [true, false]) {
      forSeeds(5, { nodes, vips: 8 }, (cluster) => {
        cluster.boot();
        const at = cluster.now;
        for (const name of cluster.names) {
          cluster.speaker(name).restart({ downMs: cluster.random.between(500, 2_000), remembers });
          cluster.run(4_000);
        }
        assert.equal(cluster.meter.moves(at), 0, 'moves');
        atMost('silence', cluster.meter.longestSilence(at), 110);
        assert.equal(cluster.meter.mostTwofold(at), 0, 'two answers');
        assertSettled(cluster);
      });
    }
  }
});

test('in a network that loses datagrams a restart moves no VIP either', () => {
  for (const nodes of [2, 3, 5]) {
    forSeeds(10, { nodes, vips: 8 }, (cluster) => {
      cluster.boot();
      const at = cluster.now;
      Object.assign(cluster.fabric.impairment, { loss: 0.25 });
      cluster.speaker(anyHolder(cluster)).restart({ downMs: 1_000 });
      cluster.run(4_000);
      cluster.heal();
      cluster.run(2_000);
      assert.equal(cluster.meter.moves(at), 0, 'moves');
      assertSettled(cluster);
    });
  }
});

test('a speaker that does not start again after SIGTERM is replaced', () => {
  forSeeds(10, { nodes: 3, vips: 6 }, (cluster) => {
    cluster.boot();
    const at = cluster.now;
    cluster.speaker(anyHolder(cluster)).restart({ downMs: 60_000 });
    cluster.run(6_000);
    atMost('silence', cluster.meter.longestSilence(at), 110);
    assertSettled(cluster);
  });
});

test('a speaker that restarts while its Node object is gone, and others do not learn that it is back, is no second holder', () => {
  for (const nodes of [2, 3, 5]) {
    forSeeds(5, { nodes, vips: 8 }, (cluster) => {
      cluster.boot();
      const gone = anyHolder(cluster);
      const others = cluster.names.filter((name) => name !== gone);
      cluster.api.setNode(gone, undefined);
      cluster.run(500);
      for (const name of others) cluster.api.halfOpen(name);
      cluster.speaker(gone).kill();
      cluster.run(3_000);
      cluster.api.setNode(gone, { draining: false });
      cluster.speaker(gone).start({ remembers: true });
      cluster.run(5_000);
      const at = cluster.now;
      cluster.run(5_000);
      atMost('two answers', cluster.meter.mostTwofold(at), 0);
      assert.deepEqual(cluster.unreached(), []);
      cluster.api.recover();
      cluster.run(3_000);
      assertSettled(cluster);
    });
  }
});

test('a speaker that was paused does not answer for VIPs that other nodes have taken over', () => {
  for (const ms of [450, 800, 3_000, 30_000]) {
    forSeeds(10, { nodes: 3, vips: 6 }, (cluster) => {
      cluster.boot();
      const paused = anyHolder(cluster);
      const at = cluster.now;
      cluster.speaker(paused).pause(ms);
      cluster.run(ms - 1);
      const taken = cluster.uids.filter((uid) => cluster.meter.macsOf(uid).length > 0);
      const wakesAt = cluster.now;
      cluster.run(3_000);
      assert.equal(cluster.meter.mostTwofold(wakesAt, taken), 0, 'two answers');
      atMost('silence', cluster.meter.longestSilence(at), 500);
      assertSettled(cluster);
    });
  }
});

test('of two nodes, the one that takes over VIPs from the paused one keeps them', () => {
  for (const ms of [800, 3_000, 30_000]) {
    forSeeds(10, { nodes: 2, vips: 4 }, (cluster) => {
      cluster.boot();
      const sleeper = anyHolder(cluster);
      cluster.speaker(sleeper).pause(ms);
      cluster.run(ms - 1);
      const at = cluster.now;
      cluster.run(3_000);
      assert.deepEqual(cluster.heldBy(sleeper), []);
      assert.equal(cluster.meter.moves(at), 0, 'moves');
      assert.equal(cluster.meter.longestSilence(at), 0, 'silence');
      assertSettled(cluster);
    });
  }
});

test('short pauses move no VIP', () => {
  forSeeds(20, { nodes: 3, vips: 6 }, (cluster) => {
    cluster.boot();
    const at = cluster.now;
    for (let i = 0; i < 10; i++) {
      const ms = cluster.random.between(20, 250);
      cluster.speaker(cluster.random.pick(cluster.names)).pause(ms);
      cluster.run(1_000);
    }
    assert.equal(cluster.meter.moves(at), 0, 'moves');
    assertSettled(cluster);
  });
});

test('a drained node hands its VIPs over without a moment of silence', () => {
  for (const nodes of [2, 3, 5]) {
    forSeeds(10, { nodes, vips: 8 }, (cluster) => {
      cluster.boot();
      const at = cluster.now;
      const drained = anyHolder(cluster);
      cluster.api.setNode(drained, { draining: true });
      cluster.run(1_000);
      assert.deepEqual(cluster.heldBy(drained), []);
      assert.equal(cluster.meter.longestSilence(at), 0, 'silence');
      atMost('two answers', cluster.meter.mostTwofold(at), 20);
      assertSettled(cluster);
      assertCalm(cluster, () => {
        cluster.api.setNode(drained, { draining: false });
        cluster.run(2_000);
      });
    });
  }
});

test('a VIP moves to the requested node without a moment of silence, and does not follow that node when it returns', () => {
  forSeeds(10, { nodes: 4, vips: 6 }, (cluster) => {
    cluster.boot();
    const at = cluster.now;
    const wanted = cluster.names.find((name) => name !== cluster.holderOf('uid-0')) ?? '';
    cluster.moveTo('uid-0', wanted);
    cluster.run(2_000);
    assert.equal(cluster.holderOf('uid-0'), wanted);
    assert.equal(cluster.meter.moves(at), 1, 'no other moves');
    assert.equal(cluster.meter.longestSilence(at), 0, 'silence');
    atMost('two answers', cluster.meter.mostTwofold(at), 20);
    assertSettled(cluster);
    cluster.speaker(wanted).kill();
    cluster.run(2_000);
    assertCalm(cluster, () => {
      cluster.speaker(wanted).start({ remembers: true });
      cluster.run(3_000);
    });
  });
});

test('a request to move a VIP to a node that cannot have it moves nothing', () => {
  forSeeds(5, { nodes: 3, vips: 3 }, (cluster) => {
    cluster.boot();
    const dead = cluster.names.find((name) => name !== cluster.holderOf('uid-0')) ?? '';
    cluster.speaker(dead).kill();
    cluster.run(2_000);
    assertCalm(cluster, () => {
      cluster.moveTo('uid-0', dead);
      cluster.moveTo('uid-1', 'no-such-node');
      cluster.run(3_000);
    });
  });
});

test('different views of the eligible nodes do not silence a VIP, and do not move it back and forth', () => {
  for (let stale = 0; stale < 8; stale++) {
    forSeeds(4, { nodes: 3, vips: 3 }, (cluster) => {
      cluster.boot();
      const at = cluster.now;
      cluster.names.forEach((name, i) => {
        if (stale & (1 << i)) cluster.api.halfOpen(name);
      });
      for (const uid of cluster.uids) {
        cluster.setEligible(
          uid,
          cluster.names.filter((name) => name !== cluster.holderOf(uid)),
        );
      }
      cluster.run(20_000);
      assert.equal(cluster.meter.longestSilence(at), 0, `silence, stale ${stale}`);
      atMost('moves', cluster.meter.moves(at), 6);
      cluster.api.recover();
      cluster.run(8_000);
      assert.equal(cluster.meter.longestSilence(at), 0, 'silence');
      assertSettled(cluster);
    });
  }
});

test('views that contradict each other move VIPs only a few times', () => {
  forSeeds(10, { nodes: 3, vips: 3 }, (cluster) => {
    cluster.boot();
    const at = cluster.now;
    cluster.api.halfOpen('node-0');
    for (const uid of cluster.uids) cluster.setEligible(uid, ['node-1']);
    cluster.run(2_000);
    cluster.api.halfOpen('node-1');
    for (const uid of cluster.uids) cluster.setEligible(uid, ['node-0', 'node-2']);
    cluster.run(60_000);
    assert.equal(cluster.meter.longestSilence(at), 0, 'silence');
    atMost('moves', cluster.meter.moves(at), 4 * cluster.uids.length);
  });
});

test('after a power failure every node gets its former VIPs back', () => {
  for (const nodes of [3, 7]) {
    forSeeds(10, { nodes, vips: 20 }, (cluster) => {
      cluster.boot();
      const holders = cluster.holders();
      for (const { uid, recorded } of cluster.api.snapshot.vips) assert.equal(recorded?.node, cluster.holderOf(uid));
      for (const speaker of cluster.speakers.values()) speaker.kill();
      cluster.run(2_000);
      const at = cluster.now;
      for (const speaker of cluster.speakers.values()) {
        cluster.schedule.in(cluster.random.between(0, 400), () => speaker.start({ remembers: false }));
      }
      cluster.run(5_000);
      atMost('silence', cluster.meter.longestSilence(at), 1_500);
      assertSettled(cluster);
      assert.deepEqual(cluster.holders(), holders);
    });
  }
});

test('new VIPs are spread evenly, and get an answer at once', () => {
  for (const nodes of [3, 5, 10]) {
    forSeeds(10, { nodes, vips: 0 }, (cluster) => {
      cluster.boot();
      const at = cluster.now;
      for (let i = 0; i < 60; i++) {
        cluster.addVip(i);
        cluster.run(cluster.random.between(0, 30));
      }
      cluster.run(2_000);
      assertSettled(cluster);
      const most = Math.max(...cluster.names.map((name) => cluster.heldBy(name).length));
      atMost('VIPs of one node', most, Math.ceil((1.25 * 60) / nodes));
      atMost('silence', cluster.meter.longestSilence(at), 1_500);
    });
  }
});

test('1,000 VIPs are placed at once, and taken over within 500 ms', () => {
  forSeeds(2, { nodes: 5, vips: 1_000 }, (cluster) => {
    cluster.boot();
    assertSettled(cluster);
    atMost(
      'VIPs of one node',
      Math.max(...cluster.names.map((name) => cluster.heldBy(name).length)),
      Math.ceil((1.25 * 1_000) / 5),
    );
    const at = cluster.now;
    cluster.speaker(anyHolder(cluster)).kill();
    cluster.run(2_000);
    atMost('silence', cluster.meter.longestSilence(at), 500);
    assertSettled(cluster);
  });
});

test('a network that loses datagrams moves no VIP', () => {
  forSeeds(20, { nodes: 4, vips: 8, cabling: 'Apart' }, (cluster) => {
    cluster.boot();
    assertCalm(cluster, () => {
      Object.assign(cluster.fabric.impairment, { loss: 0.2, twice: 0.1, latencyMs: [0.1, 20] });
      cluster.run(20_000);
    });
  });
});

test('two nodes that do not hear each other, while a third one hears both, move no VIP', () => {
  for (const nodes of [3, 31]) {
    forSeeds(nodes === 3 ? 10 : 1, { nodes, vips: 40 }, (cluster) => {
      cluster.boot();
      assertCalm(cluster, () => {
        cluster.fabric.loseOneWay('node-0', 'node-1', 'eth0');
        cluster.fabric.loseOneWay('node-1', 'node-2', 'eth0');
        cluster.run(10_000);
      });
    });
  }
});

test('a node with a slow packet worker keeps its VIPs and gets no new ones', () => {
  forSeeds(10, { nodes: 3, vips: 6 }, (cluster) => {
    cluster.boot();
    const slow = anyHolder(cluster);
    cluster.speaker(slow).workerAgeMs = 1_500;
    cluster.run(1_000);
    assertCalm(cluster, () => cluster.run(2_000));
    const before = cluster.heldBy(slow).length;
    for (let i = 0; i < 10; i++) cluster.addVip(100 + i);
    cluster.run(3_000);
    assert.equal(cluster.heldBy(slow).length, before);
  });
});
