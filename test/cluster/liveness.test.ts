/** Which node holds a VIP while speakers end, links fail and people move VIPs, as a prober on the client sees it. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, type TestContext, test } from 'node:test';
import { eventually, type LabHost } from '../lab/cluster.ts';
import { probed } from '../probe/backend.ts';
import { now } from '../probe/told.ts';
import * as berth from './berth.ts';
import { alone, Scene, servedAll, servedAllButOneUnderWay } from './scene.ts';
import { SecondNetwork } from './second-network.ts';
import { hearsOnAllLinks, renewSpeakers, signalSpeaker, speakerLogs } from './speaker-process.ts';

const lab = berth.sharedLab();
const backends = 'probed';
/** Several times the silence after which a peer is dead. */
const watchMs = 1_500;
const peaceMs = 1_000;

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(probed(backends));
  await lab.kubectl(['rollout', 'status', `daemonset/${backends}`, '--timeout=90s']);
});
// The kubelet waits longer before each restart of a container: such a speaker would be missing here.
beforeEach(() => renewSpeakers(lab));
after(async () => {
  await renewSpeakers(lab);
  await berth.cleanUp(lab);
  await lab.kubectl(['delete', 'daemonset', backends]);
});

/** Plays a scene with a new VIP: a VIP that has moved three times in three minutes would not move again. */
function play(t: TestContext, act: (scene: Scene) => Promise<void>): Promise<void> {
  return Scene.play(t, { lab, backends }, act);
}

async function annotate(node: LabHost, kind: 'annotate' | 'label', change: string): Promise<void> {
  await lab.kubectl([kind, 'node', node.name, '--overwrite', change]);
}

const table = 'table inet berth_fault';
const dropping = `${table} {
  chain input {
    type filter hook input priority 0
    udp dport 7932 drop
  }
}
`;

/** Loads these rules on every node, in place of the former ones. */
async function filter(rules: string): Promise<void> {
  for (const node of lab.nodes) {
    const { code, stderr } = await node.exec(['nft', '-f', '-'], {
      input: `add ${table}\ndelete ${table}\n${rules}`,
    });
    assert.equal(code, 0, stderr);
  }
}

test('an excluded node gives its VIP away, and a node answers all the time', (t) =>
  play(t, async (scene) => {
    const { prober, holder } = scene;
    const label = 'node.kubernetes.io/exclude-from-external-load-balancers';
    try {
      const found = await prober.during(async () => {
        await annotate(holder, 'label', `${label}=true`);
        await scene.moved();
      }, watchMs);
      scene.wasHandedOver(found);
      servedAllButOneUnderWay(found);
    } finally {
      await annotate(holder, 'label', `${label}-`);
    }
  }));

test('a node that is not Ready keeps its VIP while its speaker sends heartbeats', (t) =>
  play(t, async (scene) => {
    const { prober, holder } = scene;
    const set = (status: string) => {
      const patch = { status: { conditions: [{ type: 'Ready', status, reason: 'Test', message: '' }] } };
      return lab.kubectl(['patch', 'node', holder.name, '--subresource=status', '-p', JSON.stringify(patch)]);
    };
    try {
      scene.stayed(await prober.during(() => set('False'), watchMs));
    } finally {
      await set('True');
    }
  }));

test('a drain moves all VIPs of a node make-before-break, and its end moves none back', (t) =>
  play(t, async (scene) => {
    const { prober, holder } = scene;
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of names) await lab.apply(berth.serviceManifest(name));
    const format = 'jsonpath={range .items[*]}{.metadata.name}={.status.holder.node}{"\\n"}{end}';
    const record = async () => (await lab.kubectl(['get', 'ipallocations', '-o', format])).trim().split('\n');
    const isWhole = (lines: readonly string[]) => lines.length > names.length && lines.every((row) => /=.+/.test(row));
    const isFree = (lines: readonly string[]) => lines.every((line) => !line.endsWith(`=${holder.name}`));
    try {
      await eventually('a holder of every VIP in the ledger', async () => isWhole(await record()));
      try {
        const found = await prober.during(async () => {
          await annotate(holder, 'annotate', 'berth.dev/drain=true');
          await eventually('a node without VIPs', async () => isFree(await record()));
        }, watchMs);
        scene.wasHandedOver(found);
        servedAllButOneUnderWay(found);
      } finally {
        await annotate(holder, 'annotate', 'berth.dev/drain-');
      }
      const next = prober.holder();
      const before = await record();
      const found = await prober.during(async () => {}, watchMs);
      alone(found, next);
      servedAll(found);
      assert.deepEqual(await record(), before);
    } finally {
      await lab.kubectl(['delete', 'service', ...names, '--ignore-not-found']);
    }
  }));

test('a VIP moves make-before-break to the node that a person requests, and the request is removed afterwards', (t) =>
  play(t, async (scene) => {
    const { prober, others, vip } = scene;
    const [wanted] = others;
    assert.ok(wanted);
    const wish = ['get', 'ipallocation', vip, '-o', 'jsonpath={.metadata.annotations.berth\\.dev/move-to}'];
    const found = await prober.during(async () => {
      await lab.kubectl(['annotate', 'ipallocation', vip, `berth.dev/move-to=${wanted.name}`]);
      await scene.moved();
    }, watchMs);
    scene.wasHandedOver(found);
    servedAllButOneUnderWay(found);
    assert.equal(prober.holder().name, wanted.name);
    await eventually('the request is removed', async () => (await lab.kubectl(wish)) === '');
  }));

test('another node takes over from a killed speaker within half a second', (t) =>
  play(t, async (scene) => {
    const { prober, holder } = scene;
    const found = await prober.during(async () => {
      await signalSpeaker(holder, 'KILL');
      await scene.moved();
    }, watchMs);
    scene.wasTakenOver(found);
    servedAllButOneUnderWay(found);
  }));

test('a firewall on the liveness port moves no VIP, and a speaker logs the reason', (t) =>
  play(t, async (scene) => {
    const { prober } = scene;
    const since = new Date();
    try {
      const found = await prober.during(() => filter(dropping), watchMs);
      scene.stayed(found);
      servedAll(found);
      const reasons = /HolderStillAnswers|LivenessBlocked/;
      await eventually('the reason in a log', async () => reasons.test(await speakerLogs(lab, since)));
    } finally {
      await filter('');
    }
    scene.stayed(await prober.during(async () => {}, watchMs));
  }));

test('the last running speaker takes over from stopped ones, and there is no second holder when these continue', (t) =>
  play(t, async (scene) => {
    const { prober, holder, others } = scene;
    const [last, third] = others as [LabHost, LabHost];
    const from = now();
    try {
      await Promise.all([holder, third].map((node) => signalSpeaker(node, 'STOP')));
      await scene.moved();
      assert.equal(prober.holder().name, last.name);
    } finally {
      await Promise.all([holder, third].map((node) => signalSpeaker(node, 'CONT')));
    }
    await prober.during(async () => {}, watchMs);
    scene.wasTakenOver(await prober.findings({ from, to: now() }));
  }));

test('with a separate management network, only the network of the VIP decides which node holds it', (t) =>
  play(t, async (scene) => {
    const { prober, holder } = scene;
    const second = await SecondNetwork.create(lab);
    try {
      scene.stayed(await prober.during(() => second.cutSecond(), watchMs));
      await second.restoreSecond();
      // Every node must receive on both networks before one of them fails.
      for (const node of lab.nodes) await hearsOnAllLinks(node);
      await prober.peace(peaceMs);
      const since = new Date();
      scene.wasTakenOver(
        await prober.during(async () => {
          await second.muteFirst(holder);
          await scene.moved();
        }, watchMs),
      );
      const successor = prober.holder();
      alone(await prober.during(() => second.restoreFirst(), watchMs), successor);
      const isLogged = async () => /links without inbound traffic/.test(await speakerLogs(lab, since));
      await eventually('the reason in a log', isLogged);
    } finally {
      await second.remove();
    }
  }));

test('without the API server another node takes over from a dead holder, whose return moves nothing', (t) =>
  play(t, async (scene) => {
    const { prober, holder, vip } = scene;
    await lab.stopApiServer();
    try {
      scene.wasTakenOver(
        await prober.during(async () => {
          await lab.cutLink(holder);
          await scene.moved();
        }, watchMs),
      );
      alone(await prober.during(() => lab.restoreLink(holder), watchMs), prober.holder());
    } finally {
      await lab.restoreLink(holder);
      await lab.startApiServer();
    }
    const recorded = ['get', 'ipallocation', vip, '-o', 'jsonpath={.status.holder.node}'];
    const successor = prober.holder().name;
    await eventually('the new holder in the ledger', async () => (await lab.kubectl(recorded)) === successor, {
      timeoutMs: 60_000,
    });
  }));
