/** Who holds a VIP while speakers, links and people do what they do; seen by a prober at the client. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { eventually, type LabHost } from '../lab/cluster.ts';
import { probed } from '../probe/backend.ts';
import type { Findings } from '../probe/findings.ts';
import { Prober } from '../probe/prober.ts';
import { now } from '../probe/told.ts';
import * as berth from './berth.ts';
import { SecondNetwork } from './second-network.ts';
import { renewSpeakers, signalSpeaker, speakerLogs } from './speaker-process.ts';

const lab = berth.sharedLab();
const subject = 'probed';
/** What two cores that have much else to do may add to the half second of a takeover. */
const patienceMs = 2_000;
/** Several times as long as a peer may be silent. */
const watchMs = 1_500;
const peaceMs = 1_000;
let vip: string;
let prober: Prober;
let holder: LabHost;

before(async () => {
  await berth.installBerth(lab);
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(probed(subject));
  await lab.kubectl(['rollout', 'status', `daemonset/${subject}`, '--timeout=90s']);
  vip = await berth.addressOf(lab, subject);
  prober = await Prober.start(lab, vip);
});
beforeEach(async () => {
  // Whose container has ended before is restarted later each time, and would be missing here.
  await renewSpeakers(lab);
  await prober.peace(peaceMs);
  holder = prober.holder();
});
after(async () => {
  prober?.close();
  await renewSpeakers(lab);
  await berth.cleanUp(lab);
  await lab.kubectl(['delete', 'daemonset', subject]);
});

/** Everybody but the holder. */
function others(): readonly LabHost[] {
  return lab.nodes.filter(({ name }) => name !== holder.name);
}

/** Waits until another node answers. */
async function moved(): Promise<void> {
  await eventually('another holder', () => prober.holder().name !== holder.name, { everyMs: 50 });
}

function stayed({ macs, arpGapMs, twoMacsMs }: Findings): void {
  assert.deepEqual(macs, [holder.mac]);
  assert.ok(arpGapMs < patienceMs, `no answer for ${arpGapMs} ms`);
  assert.equal(twoMacsMs, 0);
}

function movedOnce({ macs, arpGapMs }: Findings): void {
  assert.equal(macs.length, 2, `${macs}`);
  assert.equal(macs[0], holder.mac);
  assert.ok(arpGapMs < patienceMs, `no answer for ${arpGapMs} ms`);
}

function servedAll({ total, outcomes }: Findings): void {
  assert.equal(total.failed, 0, JSON.stringify(outcomes));
}

/** A connection that is open in the moment of a move ends: the next node does not know it. One attempt lasts a few of the 20 ms between two. */
function servedAllButOneUnderWay({ total, outcomes }: Findings): void {
  assert.ok(total.failed <= 1 && total.failed === (outcomes.ECONNRESET ?? 0), JSON.stringify(outcomes));
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

/** Gives every node these rules, and none of those that it was given before. */
async function filter(rules: string): Promise<void> {
  for (const node of lab.nodes) {
    const { code, stderr } = await node.exec(['nft', '-f', '-'], {
      input: `add ${table}\ndelete ${table}\n${rules}`,
    });
    assert.equal(code, 0, stderr);
  }
}

// The first: an address that has moved three times in three minutes stays where it is.
test('B5 an excluded node gives its VIP away, and somebody answers all the time', async () => {
  const label = 'node.kubernetes.io/exclude-from-external-load-balancers';
  try {
    const found = await prober.during(async () => {
      await annotate(holder, 'label', `${label}=true`);
      await moved();
    }, 500);
    movedOnce(found);
    servedAllButOneUnderWay(found);
  } finally {
    await annotate(holder, 'label', `${label}-`);
  }
});

test('B5 a node that is not Ready keeps its VIP while its speaker is heard', async () => {
  const set = (status: string) => {
    const patch = { status: { conditions: [{ type: 'Ready', status, reason: 'Test', message: '' }] } };
    return lab.kubectl(['patch', 'node', holder.name, '--subresource=status', '-p', JSON.stringify(patch)]);
  };
  try {
    stayed(await prober.during(() => set('False'), watchMs));
  } finally {
    await set('True');
  }
});

test('a drain moves all VIPs of a node make-before-break, and its end moves none back', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  for (const name of names) await lab.apply(berth.serviceManifest(name));
  const format = 'jsonpath={range .items[*]}{.metadata.name}={.status.holder.node}{"\\n"}{end}';
  const record = async () => (await lab.kubectl(['get', 'ipallocations', '-o', format])).trim().split('\n');
  const isWhole = (lines: readonly string[]) => lines.length > names.length && lines.every((line) => /=.+/.test(line));
  await eventually('everything on record', async () => isWhole(await record()));
  const isFree = (lines: readonly string[]) => lines.every((line) => !line.endsWith(`=${holder.name}`));
  try {
    const found = await prober.during(async () => {
      await annotate(holder, 'annotate', 'berth.dev/drain=true');
      await eventually('an empty node', async () => isFree(await record()));
    }, 500);
    movedOnce(found);
    servedAllButOneUnderWay(found);
  } finally {
    await annotate(holder, 'annotate', 'berth.dev/drain-');
  }
  holder = prober.holder();
  const before = await record();
  const found = await prober.during(async () => {}, watchMs);
  stayed(found);
  servedAll(found);
  assert.deepEqual(await record(), before);
  await lab.kubectl(['delete', 'service', ...names]);
});

test('a VIP goes to the node that a person names, make-before-break, and the wish is gone afterwards', async () => {
  const [wanted] = others();
  assert.ok(wanted);
  const wish = ['get', 'ipallocation', vip, '-o', 'jsonpath={.metadata.annotations.berth\\.dev/move-to}'];
  const found = await prober.during(async () => {
    await lab.kubectl(['annotate', 'ipallocation', vip, `berth.dev/move-to=${wanted.name}`]);
    await moved();
  }, 500);
  movedOnce(found);
  servedAllButOneUnderWay(found);
  assert.equal(prober.holder().name, wanted.name);
  await eventually('no wish', async () => (await lab.kubectl(wish)) === '');
});

test('a speaker that is killed is replaced', async () => {
  const found = await prober.during(async () => {
    await signalSpeaker(holder, 'KILL');
    await moved();
  }, watchMs);
  movedOnce(found);
  servedAllButOneUnderWay(found);
});

test('A2 a firewall on the liveness port moves nothing, and a speaker names the reason', async () => {
  const since = new Date();
  try {
    const found = await prober.during(() => filter(dropping), watchMs);
    stayed(found);
    servedAll(found);
    const reasons = /HolderStillAnswers|LivenessBlocked/;
    await eventually('a reason', async () => reasons.test(await speakerLogs(lab, since)));
  } finally {
    await filter('');
  }
  stayed(await prober.during(async () => {}, watchMs));
});

test('A3 B1 the last speaker takes the VIP from those that stand still, and wakes up to no second holder', async () => {
  const [last, third] = others() as [LabHost, LabHost];
  const from = now();
  try {
    await Promise.all([holder, third].map((node) => signalSpeaker(node, 'STOP')));
    await moved();
    assert.equal(prober.holder().name, last.name);
  } finally {
    await Promise.all([holder, third].map((node) => signalSpeaker(node, 'CONT')));
  }
  await prober.during(async () => {}, watchMs);
  const found = await prober.findings({ from, to: now() });
  movedOnce(found);
  assert.equal(found.twoMacsMs, 0);
});

test('A3 with a network of its own for management, only the network of the VIP decides who holds it', async () => {
  const second = await SecondNetwork.create(lab);
  try {
    stayed(await prober.during(() => second.cutSecond(), watchMs));
    await second.restoreSecond();
    // Heard on both networks, before one of them fails.
    await prober.peace(peaceMs);
    const since = new Date();
    movedOnce(
      await prober.during(async () => {
        await second.muteFirst(holder);
        await moved();
      }, watchMs),
    );
    const successor = prober.holder();
    const back = await prober.during(() => second.restoreFirst(), watchMs);
    assert.deepEqual(back.macs, [successor.mac]);
    const isDeaf = async () => /links that nothing comes through/.test(await speakerLogs(lab, since));
    await eventually('the holder knows why', isDeaf);
  } finally {
    await second.remove();
  }
});

test('A1 without the API server a dead holder is replaced, and its return moves nothing', async () => {
  await lab.stopApiServer();
  try {
    movedOnce(
      await prober.during(async () => {
        await lab.cutLink(holder);
        await moved();
      }, 500),
    );
    const successor = prober.holder();
    const back = await prober.during(() => lab.restoreLink(holder), watchMs);
    assert.deepEqual(back.macs, [successor.mac]);
    assert.equal(back.twoMacsMs, 0);
  } finally {
    await lab.restoreLink(holder);
    await lab.startApiServer();
  }
  const recorded = ['get', 'ipallocation', vip, '-o', 'jsonpath={.status.holder.node}'];
  const successor = prober.holder().name;
  await eventually('the new holder on record', async () => (await lab.kubectl(recorded)) === successor, {
    timeoutMs: 60_000,
  });
});
