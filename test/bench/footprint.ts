/** The footprint bench: the memory of both roles in their Pods, and the time from the start of each process until it does its work. */
import { backends, installBerth, namespace, poolManifest, rolledOut, serviceManifest } from '../cluster/berth.ts';
import { downLab, downOnInterrupt, eventually, type Lab, upLab } from '../lab/cluster.ts';
import { machineLine } from './machine.ts';

const id = 'bench';
const restSeconds = 60;

/** A running role: its process on its node, and the memory that the kernel reports. */
interface Role {
  readonly role: 'controller' | 'speaker';
  readonly pid: string;
  /** In kB. */
  readonly rss: number;
  /** In kB: the part of it that the process shares with no other process. The program's own pages do not count. */
  readonly anonymous: number;
}

/** Creates a cluster of one node, measures, prints a table and removes the cluster. */
export async function benchFootprint(rounds: number): Promise<void> {
  downOnInterrupt(id);
  try {
    const lab = await upLab({ id, nodes: 1, log: (line) => console.error(line) });
    await lab.buildBerth();
    await installBerth(lab, ['controller.replicas=1']);
    const vip = await serve(lab);
    await atRest(lab);
    const roles = await rolesOn(lab);
    const starts: number[] = [];
    for (let round = 0; round < rounds; round++) starts.push(await restartSpeaker(lab, vip));
    await print(lab, roles, starts);
  } finally {
    await downLab(id);
  }
}

async function serve(lab: Lab): Promise<string> {
  await lab.apply(backends);
  await lab.apply(poolManifest('main', lab.subnet.vips));
  await lab.apply(serviceManifest('one'));
  return eventually('a VIP', async () => {
    const ingress = ['get', 'service', 'one', '-o', 'jsonpath={.status.loadBalancer.ingress[0].ip}'];
    return (await lab.kubectl(ingress)) || undefined;
  });
}

/** Waits until the work of the start is over, which is the case a minute later. */
async function atRest({ nodes: [node] }: Lab): Promise<void> {
  // The brackets keep the shell of this script out of the result.
  const script = `for p in $(grep -al '[/]berth/main.js' /proc/[0-9]*/cmdline | cut -d/ -f3); do
    tr '\\0' ' ' < /proc/$p/cmdline | grep -q 'main.js [s]peaker' && ps -o etimes= -p $p; done`;
  const isOld = async () => Number((await node?.exec(['sh', '-c', script]))?.stdout) >= restSeconds;
  await eventually('a speaker at rest', isOld, { timeoutMs: 2_000 * restSeconds, everyMs: 1_000 });
}

async function rolesOn(lab: Lab): Promise<readonly Role[]> {
  const [node] = lab.nodes;
  const script = `for p in $(grep -al /berth/main.js /proc/[0-9]*/cmdline | cut -d/ -f3); do
    echo $p $(tr '\\0' ' ' < /proc/$p/cmdline | grep -oE 'main.js (controller|speaker)') $(grep -E 'VmRSS|RssAnon' /proc/$p/status); done`;
  const { stdout = '' } = (await node?.exec(['sh', '-c', script])) ?? {};
  return [...stdout.matchAll(/^(\d+) main\.js (controller|speaker) VmRSS: (\d+) kB RssAnon: (\d+) kB/gm)].map(
    ([, pid = '', role, rss, anonymous]) => ({
      role: role as Role['role'],
      pid,
      rss: Number(rss),
      anonymous: Number(anonymous),
    }),
  );
}

/**
 * Replaces the speaker's Pod, because a killed process would wait longer each time. Returns the milliseconds from the start of the new
 * process to the first ARP reply that the client sees.
 */
async function restartSpeaker(lab: Lab, vip: string): Promise<number> {
  const speaker = () => rolesOn(lab).then((roles) => roles.find(({ role }) => role === 'speaker'));
  const old = (await speaker())?.pid ?? '';
  await lab.kubectl(['-n', namespace, 'delete', 'pod', '-l', 'app.kubernetes.io/component=speaker', '--wait=false']);
  const { link } = lab.client;
  // Sends a request 20 times a second and records the time of each reply.
  const listen = `timeout 20 tcpdump -l -n -tt -i ${link} "arp[6:2] = 2 and arp src host ${vip}" 2>/dev/null & tcpdump=$!
    for i in $(seq 160); do arping -q -c 1 -W 0.05 -i ${link} ${vip}; done; kill $tcpdump`;
  const heard = lab.client.exec(['sh', '-c', listen], { timeoutMs: 30_000 });
  const pid = await eventually('the next speaker', async () => {
    const next = (await speaker())?.pid;
    return next === old ? undefined : next;
  });
  const startedAt = await startTime(lab, pid);
  const times = [...(await heard).stdout.matchAll(/^(\d+\.\d+) /gm)].map(([, at]) => Number(at) * 1000);
  await rolledOut(lab);
  const first = times.find((at) => at > startedAt);
  if (first === undefined) throw new Error(`no reply for ${vip} within 8 s of the start of the speaker`);
  return first - startedAt;
}

/** Returns when a process of the node started, in ms since 1970, with a resolution of 10 ms: proc(5) has it in ticks since boot. */
async function startTime(lab: Lab, pid: string): Promise<number> {
  const script = `cut -d' ' -f22 /proc/${pid}/stat; cut -d' ' -f1 /proc/uptime; date +%s.%N`;
  const { stdout = '' } = (await lab.nodes[0]?.exec(['sh', '-c', script])) ?? {};
  const [ticks = 0, uptime = 0, now = 0] = stdout.split('\n').map(Number);
  return (now - uptime + ticks / 100) * 1000;
}

async function print(lab: Lab, roles: readonly Role[], starts: readonly number[]): Promise<void> {
  const median = [...starts].sort((a, b) => a - b)[Math.floor(starts.length / 2)] ?? Number.NaN;
  console.log(machineLine());
  for (const { role, rss, anonymous } of roles) {
    const log = await lab.kubectl(['-n', namespace, 'logs', '-l', `app.kubernetes.io/component=${role}`, '--tail=100']);
    const ready = /"afterMs":(\d+)/.exec(log)?.[1] ?? '?';
    console.log(`${role}: RSS ${rss} kB (${anonymous} kB anonymous), ready ${ready} ms after the start of its process`);
  }
  console.log(
    `a new speaker Pod: first ARP reply after the start of its process, median of ${starts.length}: ${Math.round(median)} ms` +
      ` (${starts.map((ms) => Math.round(ms)).join(', ')})`,
  );
}
