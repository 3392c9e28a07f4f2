/** Speakers that restart while the API server is down continue from their snapshots. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { LabHost } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import { isAlive } from '../lab/processes.ts';
import { readProcesses } from '../lab/state.ts';
import * as berth from './berth.ts';
import { knowsHolder } from './speaker-process.ts';

const lab = berth.sharedLab();

before(async () => {
  await berth.installBerth(lab);
  // The kubelet waits longer before each restart of a container: without new Pods, one speaker would be back long before its peers.
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

/** The pid of a node's speaker, as processes of the node see it. */
async function speakerOf(host: LabHost): Promise<string> {
  const { stdout } = await host.exec(['pgrep', '-f', 'main.js speaker']);
  const [pid, ...others] = stdout.trim().split('\n');
  assert.ok(pid && others.length === 0, `speakers of ${host.name}: ${stdout}`);
  return pid;
}

/** Stops the kubelet of a node, so that it starts no container. Returns a function that lets it continue. */
function holdKubelet({ name }: LabHost): () => void {
  const kubelets = readProcesses(lab.id, name).filter((record) => record.name === 'kubelet' && isAlive(record));
  const { pid } = kubelets[0] ?? assert.fail(`no kubelet on ${name}`);
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  process.kill(pid, 'SIGSTOP');
  return () => {
    process.kill(pid, 'SIGCONT');
    // nsenter(1) stops itself when its child is stopped. While it is stopped, the node cannot end.
    process.kill(parent, 'SIGCONT');
  };
}

/** How often the snapshot of a node's speaker contains a text. */
async function namedOn(host: LabHost, what: string): Promise<number> {
  const file = `/proc/${await speakerOf(host)}/root/var/lib/berth/snapshot`;
  const { stdout } = await host.exec(['grep', '--text', '--only-matching', '--fixed-strings', what, file]);
  return stdout.split('\n').filter((line) => line !== '').length;
}

test('if all speakers are killed while the API server is down, the same node holds the VIP again', async () => {
  const vip = await berth.addressOf(lab, 'one');
  const record = [
    'get',
    'ipallocation',
    vip,
    '-o',
    'jsonpath={.metadata.uid} {.status.holder.node} {.status.holder.term}',
  ];
  const recorded = async () => (await lab.kubectl(record)).trim();
  const before = await eventually('a holder in the ledger', async () =>
    (await recorded()).split(' ').length === 3 ? recorded() : undefined,
  );
  const [uid = '', name = ''] = before.split(' ');
  const holder = lab.nodes.find((host) => host.name === name) ?? assert.fail(`"${name}" is not a node`);
  await eventually('an answer', () => berth.curl(lab, vip));
  const macs = await berth.answeringMacs(lab, vip);
  assert.deepEqual(macs, new Set([holder.mac]));
  // Every snapshot has the entry with its holder. The snapshot of the holder also has its claim.
  await eventually('complete snapshots', async () => {
    for (const host of lab.nodes) {
      assert.ok((await namedOn(host, uid)) >= (host === holder ? 2 : 1), host.name);
      assert.ok((await namedOn(host, name)) > 0);
    }
    return true;
  });
  const pids = new Map(await Promise.all(lab.nodes.map(async (host) => [host, await speakerOf(host)] as const)));
  const restarted = async (host: LabHost) => (await speakerOf(host)) !== pids.get(host);
  await lab.stopApiServer();
  try {
    // If the holder's speaker came back a second after its peers, these would count it as dead, and it would rightly lose the VIP.
    // So the peers come back after it here.
    const goOn = new Map(lab.nodes.map((host) => [host, holdKubelet(host)]));
    try {
      await Promise.all(lab.nodes.map((host) => host.exec(['kill', '-KILL', pids.get(host) ?? ''])));
      await lab.client.exec(['ip', 'neigh', 'flush', 'to', vip]);
      assert.deepEqual(await berth.answeringMacs(lab, vip), new Set(), 'a speaker still answers');
      goOn.get(holder)?.();
      await eventually("the holder's speaker", () => restarted(holder), { timeoutMs: 60_000, everyMs: 20 });
      await knowsHolder(holder, { vip, holder: name });
    } finally {
      for (const each of goOn.values()) each();
    }
    for (const host of lab.nodes) {
      await eventually(`the speaker of ${host.name}`, () => restarted(host), { timeoutMs: 60_000 });
    }
    await eventually('an answer', () => berth.curl(lab, vip), { timeoutMs: 20_000 });
    assert.deepEqual(await berth.answeringMacs(lab, vip), macs);
  } finally {
    await lab.startApiServer();
  }
  // The speakers read the API server again, and the holder in the ledger is still true.
  await berth.rolledOut(lab);
  await lab.apply(berth.serviceManifest('two'));
  const second = await berth.addressOf(lab, 'two');
  await eventually('an answer', () => berth.curl(lab, second));
  assert.equal(await recorded(), before);
  assert.deepEqual(await berth.answeringMacs(lab, vip), macs);
});
