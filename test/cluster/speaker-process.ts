/** The speaker's process on a node: signals to it, its status, and its log. */
import assert from 'node:assert/strict';
import type { SpeakerStatus } from '../../src/api/speaker-status.ts';
import { eventually, type Lab, type LabHost } from '../lab/cluster.ts';
import { namespace, rolledOut } from './berth.ts';
import { processesOf } from './node-process.ts';
import type { Pod } from './objects.ts';
import { logsOf } from './pod-logs.ts';

const speakers = { namespace, labelSelector: 'app.kubernetes.io/component=speaker' };

/** The signals for a speaker: KILL and TERM end it, STOP stops it until CONT. */
export type SpeakerSignal = 'KILL' | 'TERM' | 'STOP' | 'CONT';

/** Sends a signal to the speaker of a node. If the signal ends it, waits until it is gone. */
export async function signalSpeaker(node: LabHost, signal: SpeakerSignal): Promise<void> {
  const pid = await speakerOf(node);
  await node.exec(['kill', `-${signal}`, pid]);
  if (signal === 'STOP' || signal === 'CONT') return;
  await eventually('the end of the speaker', async () => (await node.exec(['kill', '-0', pid])).code !== 0, {
    everyMs: 20,
  });
}

/** The id of the speaker's process on a node, as the node numbers it. */
export async function speakerOf(node: LabHost): Promise<string> {
  const [pid, ...more] = await processesOf(node, 'main.js[ ]speaker');
  if (pid === undefined || more.length > 0) throw new Error(`speakers on ${node.name}: ${more.length + (pid ? 1 : 0)}`);
  return pid;
}

/** Waits until the speaker of a node knows which node holds a VIP. */
export async function knowsHolder(node: LabHost, { vip, holder }: { readonly vip: string; readonly holder: string }) {
  const what = `${node.name} knows that ${holder} holds ${vip}`;
  await eventually(what, async () => (await holdersAt(node)).get(vip) === holder);
}

/** Waits until the speaker of a node does not know a VIP any more, or does not run. */
export async function forgets(node: LabHost, vip: string): Promise<void> {
  const knows = () =>
    holdersAt(node).then(
      (holders) => holders.has(vip),
      () => false,
    );
  await eventually(`${node.name} forgets ${vip}`, async () => !(await knows()), { timeoutMs: 60_000 });
}

/** Waits until the speaker of a node has inbound traffic on all its links. */
export async function hearsOnAllLinks(node: LabHost): Promise<void> {
  const hears = async () => (await statusAt(node)).links.every(({ noInboundTraffic }) => !noInboundTraffic);
  await eventually(`${node.name} hears on all its links`, hears);
}

/** The holder of each VIP, by the status of a node's speaker. */
async function holdersAt(node: LabHost): Promise<ReadonlyMap<string, string | undefined>> {
  const { vips } = await statusAt(node);
  return new Map(vips.map(({ address, holder }) => [address, holder]));
}

async function statusAt(node: LabHost): Promise<SpeakerStatus> {
  const { stdout } = await node.exec(['curl', '-s', '--max-time', '2', '127.0.0.1:7931/status']);
  return JSON.parse(stdout) as SpeakerStatus;
}

/** Replaces the Pod of every speaker whose container has restarted: the kubelet waits longer before each restart of a container. */
export async function renewSpeakers(lab: Lab): Promise<void> {
  const isRestarted = ({ status }: Pod) => (status.containerStatuses?.[0]?.restartCount ?? 0) > 0;
  const restarted = (await lab.api.list<Pod>('pods', speakers)).filter(isRestarted);
  await Promise.all(restarted.map(({ metadata }) => lab.api.delete('pods', metadata.name, { namespace })));
  await rolledOut(lab);
}

/** The logs of all speakers since a moment. */
export function speakerLogs(lab: Lab, since: Date): Promise<string> {
  return logsOf(lab, 'speaker', since);
}

/** The name of the Pod of a node's speaker. */
export async function speakerPod(lab: Lab, node: LabHost): Promise<string> {
  const pods = await lab.api.list('pods', { ...speakers, fieldSelector: `spec.nodeName=${node.name}` });
  return pods[0]?.metadata.name ?? assert.fail(`no speaker on ${node.name}`);
}

/** Collects the logs of all speakers from now on, including those that end meanwhile. Returns a function that returns the logs. */
export function followSpeakers(lab: Lab): () => Promise<string> {
  const since = new Date();
  const kubectl = [`${lab.programs}/kubectl`, '--kubeconfig', lab.kubeconfig, '-n', namespace];
  const follow = [
    'logs',
    '-l',
    'app.kubernetes.io/component=speaker',
    '--follow',
    `--since-time=${since.toISOString()}`,
  ];
  const child = lab.controlPlane.spawn([...kubectl, ...follow], { stdio: ['ignore', 'pipe', 'ignore'] });
  let told = '';
  child.stdout?.on('data', (piece) => {
    told += piece;
  });
  return async () => {
    // kubectl follows only the Pods that existed at its start.
    child.kill('SIGKILL');
    return told + (await speakerLogs(lab, since));
  };
}

/** A peer answers in place of a speaker that restarts, for at most three seconds (docs/architecture.md). */
const standInMs = 3_000;

/** The silence of each speaker that its peers counted as dead after that time, in milliseconds by node. Its VIPs rightly move. */
export function lapsesIn(logs: string): ReadonlyMap<string, number> {
  const silences = [...logs.matchAll(/"peer":"([^"]+)","silentMs":(\d+),"msg":"peer is dead"/g)];
  const lapses = silences.map(([, peer = '', ms]): [string, number] => [peer, Number(ms)]);
  return new Map(lapses.filter(([, ms]) => ms >= standInMs));
}
