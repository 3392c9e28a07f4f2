/** The bench of many VIPs: a node that holds a third of them dies. Measures the time until all are answered again, and the cost. */
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { type Ip, ipFromNumber, ipToNumber } from '../../src/addr/ip.ts';
import { installBerth, namespace, poolManifest } from '../cluster/berth.ts';
import { downLab, downOnInterrupt, eventually, type Lab, type LabHost, upLab } from '../lab/cluster.ts';
import { phase } from '../lab/progress.ts';
import { machineLine } from './machine.ts';
import type { Heard, MassOrder } from './mass-asker.ts';

const id = 'bench';
const roundMs = 100;
const restMs = 10_000;
const afterMs = 15_000;
const log = (line: string) => console.error(`bench: ${line}`);

/** CPU time and memory of a speaker. */
interface Usage {
  readonly node: string;
  /** CPU time so far, in milliseconds. */
  readonly cpuMs: number;
  readonly rssMb: number;
}

/** Creates a cluster of three nodes, kills a node in each run, prints a table and removes the cluster. */
export async function benchMass({ vips, runs }: { readonly vips: number; readonly runs: number }): Promise<void> {
  downOnInterrupt(id);
  try {
    const lab = await upLab({ id, nodes: 3, log });
    await lab.buildBerth();
    await phase(log, 'Berth installed', () => installBerth(lab));
    const first = firstVip(lab);
    await phase(log, `${vips} VIPs announced`, () => serve(lab, first, vips));
    console.log(machineLine());
    for (let run = 0; run < runs; run++) console.log(await measure(lab, { first, vips }, run));
  } finally {
    await downLab(id);
  }
}

/** Returns the start of a free range in the lab's subnet. */
function firstVip({ subnet }: Lab): Ip {
  const [base = ''] = subnet.vips.split('-');
  return base.replace(/\.\d+\.\d+$/, '.204.1') as Ip;
}

async function serve(lab: Lab, first: Ip, count: number): Promise<void> {
  const last = ipFromNumber(ipToNumber(first) + BigInt(count - 1), 'IPv4');
  await lab.apply(poolManifest('mass', `${first}-${last}`));
  const service = (i: number) => `
apiVersion: v1
kind: Service
metadata: { name: mass-${i} }
spec: { type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] }
`;
  await lab.apply(Array.from({ length: count }, (_, i) => service(i)).join('---'));
  const holders = ['get', 'ipallocations', '-o', 'jsonpath={range .items[*]}{.status.holder.since}{"\\n"}{end}'];
  const isAll = async () => (await lab.kubectl(holders)).split('\n').filter((line) => line !== '').length >= count;
  await eventually('all VIPs announced', isAll, { timeoutMs: 180_000, everyMs: 1_000 });
}

async function measure(
  lab: Lab,
  { first, vips: count }: { readonly first: Ip; readonly vips: number },
  run: number,
): Promise<string> {
  const atRest = await usageOver(lab, restMs);
  const heard: Heard[] = [];
  const order: MassOrder = { link: lab.client.link, first, count, from: lab.client.ip, roundMs };
  const program = new URL('./mass-asker.ts', import.meta.url).pathname;
  const asker = lab.client.spawn([process.execPath, program, JSON.stringify(order)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (asker.stdout)
    createInterface({ input: asker.stdout }).on('line', (line) => heard.push(...(JSON.parse(line) as Heard[])));
  try {
    await eventually('an answer for every VIP', () => new Set(heard.map(([, vip]) => vip)).size === count);
    heard.length = 0;
    const asked = await usageOver(lab, restMs);
    const victim = holderOfMost(lab, heard);
    const lost = new Set(heard.filter(([, , mac]) => mac === victim.mac).map(([, vip]) => vip));
    heard.length = 0;
    const before = await usages(lab);
    const diedAt = Date.now();
    await lab.cutLink(victim);
    await delay(afterMs);
    const after = await usages(lab);
    const text = report({ run, heard, lost, diedAt, victim, count });
    return [
      text,
      usageText('at rest', atRest),
      usageText('asked', asked),
      usageText('while they moved', difference(before, after, afterMs)),
    ].join('\n');
  } finally {
    asker.kill();
    for (const node of lab.nodes) await lab.restoreLink(node);
    await eventually(
      'all nodes Ready',
      async () =>
        !/False|Unknown/.test(
          await lab.kubectl([
            'get',
            'nodes',
            '-o',
            'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}',
          ]),
        ),
      { timeoutMs: 120_000, everyMs: 1_000 },
    );
  }
}

function holderOfMost({ nodes }: Lab, heard: readonly Heard[]): LabHost {
  const count = (mac: string) => new Set(heard.filter(([, , of]) => of === mac).map(([, vip]) => vip)).size;
  const [most] = nodes.toSorted((a, b) => count(b.mac) - count(a.mac));
  if (most === undefined) throw new Error('no nodes');
  return most;
}

interface Outcome {
  readonly run: number;
  readonly heard: readonly Heard[];
  readonly lost: ReadonlySet<number>;
  readonly diedAt: number;
  readonly victim: LabHost;
  readonly count: number;
}

function report({ run, heard, lost, diedAt, victim, count }: Outcome): string {
  const answeredAt = new Map<number, number>();
  const toldAt = new Map<number, number>();
  const perSecond = new Map<string, number>();
  const moved = new Set<number>();
  for (const [at, vip, mac, gratuitous] of heard) {
    if (mac === victim.mac || at < diedAt) continue;
    if (!lost.has(vip)) continue;
    moved.add(vip);
    const into = gratuitous ? toldAt : answeredAt;
    if (!into.has(vip)) into.set(vip, at - diedAt);
    const second = `${mac} ${Math.floor((at - diedAt) / 1_000)}`;
    if (gratuitous) perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
  }
  const missing = [...lost].filter((vip) => !answeredAt.has(vip)).length;
  return (
    `run ${run + 1}: ${victim.name} died with ${lost.size} of ${count} VIPs; each was requested every ${roundMs} ms. ` +
    `Answered again after ${spread(answeredAt)}; gratuitous frame after ${spread(toldAt)}; ${missing} never answered. ` +
    `At most ${Math.max(0, ...perSecond.values())} gratuitous frames per second from one node.`
  );
}

function spread(times: ReadonlyMap<number, number>): string {
  const sorted = [...times.values()].sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN);
  return `${at(0)} (first), ${at(0.5)} (median), ${at(1)} ms (last)`;
}

async function usageOver(lab: Lab, ms: number): Promise<readonly Usage[]> {
  const before = await usages(lab);
  await delay(ms);
  return difference(before, await usages(lab), ms);
}

/** Returns the CPU time in milliseconds per second. */
function difference(before: readonly Usage[], after: readonly Usage[], ms: number): readonly Usage[] {
  return after.map((usage) => {
    const was = before.find(({ node }) => node === usage.node)?.cpuMs ?? usage.cpuMs;
    return { ...usage, cpuMs: ((usage.cpuMs - was) * 1_000) / ms };
  });
}

function usageText(when: string, all: readonly Usage[]): string {
  const each = all.map(
    ({ node, cpuMs, rssMb }) => `${node} ${(cpuMs / 10).toFixed(1)} % of a core, ${rssMb.toFixed(0)} MB`,
  );
  return `  speakers ${when}: ${each.join('; ')}`;
}

/** proc(5) counts in hundredths of a second. */
async function usages(lab: Lab): Promise<readonly Usage[]> {
  const script = `for p in $(grep -al '/berth/main.js.speaker' /proc/[0-9]*/cmdline | cut -d/ -f3); do
    echo $(cut -d')' -f2 /proc/$p/stat | awk '{print $12 + $13}') $(awk '/VmRSS/ {print $2}' /proc/$p/status); done`;
  return Promise.all(
    lab.nodes.map(async (node) => {
      const { stdout } = await node.exec(['sh', '-c', script]);
      const [ticks = 0, kb = 0] = stdout.trim().split(/\s+/).map(Number);
      if (ticks === 0) throw new Error(`no speaker of ${namespace} runs on ${node.name}`);
      return { node: node.name, cpuMs: ticks * 10, rssMb: kb / 1024 };
    }),
  );
}
