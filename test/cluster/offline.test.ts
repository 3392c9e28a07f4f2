/** Speakers that are restarted while the API server is away go on from what they knew. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { LabHost } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';

const lab = berth.sharedLab();
/** A node that was never heard, and that nobody answers for on the wire for so long, is dead to a speaker that has just started. */
const wireSilenceMs = 1_000;

before(async () => {
  await berth.installBerth(lab);
  // Where a container has ended before, the kubelet makes it wait for longer each time: one node would be back long before the others.
  await lab.kubectl(['-n', berth.namespace, 'rollout', 'restart', 'daemonset/berth-speaker']);
  await berth.rolledOut(lab);
  await lab.apply(berth.backends);
  await lab.kubectl(['rollout', 'status', 'deployment/web', '--timeout=90s']);
  await lab.apply(berth.poolManifest('main', lab.subnet.vips));
  await lab.apply(berth.serviceManifest('one'));
});
after(async () => {
  await berth.cleanUp(lab);
  await lab.kubectl(['delete', 'deployment', 'web', '--ignore-not-found']);
});

/** The process of a node's speaker, as the node numbers it. */
async function speakerOf(host: LabHost): Promise<string> {
  const { stdout } = await host.exec(['pgrep', '-f', 'main.js speaker']);
  const [pid, ...others] = stdout.trim().split('\n');
  assert.ok(pid && others.length === 0, `speakers of ${host.name}: ${stdout}`);
  return pid;
}

/** When the process of a node's speaker began, in milliseconds on the clock of the machine (proc_pid_stat(5)). */
async function startOf(host: LabHost): Promise<number> {
  const { stdout } = await host.exec(['cat', `/proc/${await speakerOf(host)}/stat`]);
  const fields = stdout.slice(stdout.lastIndexOf(')') + 2).split(' ');
  return 10 * Number(fields[19]);
}

/** How often the snapshot of a node's speaker names something. */
async function namedOn(host: LabHost, what: string): Promise<number> {
  const file = `/proc/${await speakerOf(host)}/root/var/lib/berth/snapshot`;
  const { stdout } = await host.exec(['grep', '--text', '--only-matching', '--fixed-strings', what, file]);
  return stdout.split('\n').filter((line) => line !== '').length;
}

test('B9 without the API server, speakers that were all killed answer again, and the same node holds the VIP', async (t) => {
  const vip = await berth.addressOf(lab, 'one');
  const record = [
    'get',
    'ipallocation',
    vip,
    '-o',
    'jsonpath={.metadata.uid} {.status.holder.node} {.status.holder.term}',
  ];
  const recorded = async () => (await lab.kubectl(record)).trim();
  const before = await eventually('a record', async () =>
    (await recorded()).split(' ').length === 3 ? recorded() : undefined,
  );
  const [uid = '', holder] = before.split(' ');
  await eventually('an answer', () => berth.curl(lab, vip));
  let macs = await berth.answeringMacs(lab, vip);
  assert.equal(macs.size, 1);
  let isSame = true;
  // All of them know the entry with its record; the holder has its claim besides.
  await eventually('snapshots', async () => {
    for (const host of lab.nodes) {
      assert.ok((await namedOn(host, uid)) >= (host.name === holder ? 2 : 1), host.name);
      assert.ok((await namedOn(host, holder ?? '')) > 0);
    }
    return true;
  });
  const pids = await Promise.all(lab.nodes.map(speakerOf));
  await lab.stopApiServer();
  try {
    await Promise.all(lab.nodes.map((host, i) => host.exec(['kill', '-KILL', pids[i] ?? ''])));
    await lab.client.exec(['ip', 'neigh', 'flush', 'to', vip]);
    const restarted = async () => {
      for (const [i, host] of lab.nodes.entries()) assert.notEqual(await speakerOf(host), pids[i]);
      return true;
    };
    await eventually('restarted speakers', restarted, { timeoutMs: 60_000 });
    await eventually('an answer', () => berth.curl(lab, vip), { timeoutMs: 20_000 });
    const now = await eventually('one host that answers', async () => {
      const all = await berth.answeringMacs(lab, vip);
      return all.size === 1 && all;
    });
    // Whose speaker is back a second after the others' is dead to them: then another one has it, by a claim that the first one hears.
    const started = new Map(
      await Promise.all(lab.nodes.map(async (host) => [host.name, await startOf(host)] as const)),
    );
    const delayMs = (started.get(holder ?? '') ?? 0) - Math.min(...started.values());
    t.diagnostic(`the holder's speaker came ${delayMs} ms after the first one`);
    isSame = delayMs < wireSilenceMs / 2;
    if (isSame) assert.deepEqual(now, macs);
    macs = now;
  } finally {
    await lab.startApiServer();
  }
  // The API server's word counts again, and what it has on record is still true.
  await berth.rolledOut(lab);
  await lab.apply(berth.serviceManifest('two'));
  const second = await berth.addressOf(lab, 'two');
  await eventually('an answer', () => berth.curl(lab, second));
  if (isSame) assert.equal(await recorded(), before);
  assert.deepEqual(await berth.answeringMacs(lab, vip), macs);
});
