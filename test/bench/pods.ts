/**
 * The bench of Pods: what many Pods with links of their own cost the speakers, and what each further one costs, on a cluster of three nodes.
 * The links are those that ptp and Calico make: a pair for each Pod, with a route to the Pod's address and no subnet.
 */
import { setTimeout as delay } from 'node:timers/promises';
import * as berth from '../cluster/berth.ts';
import type { Entry } from '../cluster/objects.ts';
import { downLab, downOnInterrupt, eventually, type Lab, type LabHost, upLab } from '../lab/cluster.ts';
import { phase } from '../lab/progress.ts';
import { machineLine } from './machine.ts';
import { cpuDuring, holdersOf, movesBetween, percentText, rateOf, type Spent } from './speakers.ts';

/** What to measure. */
export interface PodsOptions {
  /** The links of Pods on each node. */
  readonly pods: number;
  /** The Services with a VIP. */
  readonly services: number;
  /** The id of the lab. A running lab with this id is used as it is. */
  readonly lab: string;
  readonly keep: boolean;
}

/** The Pods that start during a measurement, on each node. */
const starts = 100;
const startEveryMs = 100;
const spanMs = starts * startEveryMs;
/** For how long heartbeats are captured. */
const captureSeconds = 5;
const calicoMac = 'ee:ee:ee:ee:ee:ee';
const log = (line: string) => console.error(`bench: ${line}`);

/** Creates a cluster, measures, prints and removes the cluster. */
export async function benchPods(options: PodsOptions): Promise<void> {
  const { pods, services, lab: id, keep } = options;
  downOnInterrupt(id);
  try {
    const lab = await upLab({ id, nodes: 3, log });
    await lab.buildBerth();
    await phase(log, `${services} Services`, () => serve(lab, services));
    console.log(machineLine());
    console.log(`heartbeats without Pods: ${await heartbeatsOf(lab)}`);
    await phase(log, `${pods} links of Pods on each node`, () => addLinks(lab, { from: 0, count: pods, pauseMs: 0 }));
    console.log(`heartbeats with ${pods} Pods on each node: ${await heartbeatsOf(lab)}`);
    const before = await holdersOf(lab);
    const restBefore = await cpuDuring(lab, () => delay(spanMs));
    const ofLinks = await cpuDuring(lab, () => addLinks(lab, { from: pods, count: starts, pauseMs: startEveryMs }));
    const ofSlices = await cpuDuring(lab, () => changeSlices(lab, 'plain'));
    const ofServed = await cpuDuring(lab, () => changeSlices(lab, 'served-0'));
    const restAfter = await cpuDuring(lab, () => delay(spanMs));
    const rest = restBefore.map((one, i) => sumOf(one, restAfter[i]));
    const perStart = (spent: readonly Spent[]) => spent.map((one, i) => startOf(one, rest[i]).toFixed(2)).join(', ');
    console.log(`speaker CPU at rest, % of a core: ${percentText(rest)}`);
    console.log(`speaker CPU for a new link, ms: ${perStart(ofLinks)}`);
    console.log(`speaker CPU for an endpoint of a Service without a VIP, ms: ${perStart(ofSlices)}`);
    console.log(`speaker CPU for an endpoint of a Service with a VIP, ms: ${perStart(ofServed)}`);
    const after = await holdersOf(lab);
    console.log(`VIPs that moved: ${movesBetween(before, after)} of ${before.size}`);
  } finally {
    if (!keep) await downLab(id);
  }
}

/** Services with a VIP, each with a slice of its own that this bench writes. */
async function serve(lab: Lab, count: number): Promise<void> {
  await berth.installBerth(lab);
  const [first = ''] = lab.subnet.vips.split('-');
  const prefix = first.split('.').slice(0, 2).join('.');
  await lab.apply(berth.poolManifest('main', `${prefix}.210.0-${prefix}.249.255`));
  const service = (name: string, type: string) => `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { type: ${type}, allocateLoadBalancerNodePorts: false, ports: [{ port: 80, protocol: TCP }] }
`;
  const names = Array.from({ length: count }, (_, i) => `served-${i}`);
  const plain = service('plain', 'ClusterIP').replace('allocateLoadBalancerNodePorts: false, ', '');
  await lab.apply([plain, ...names.map((name) => service(name, 'LoadBalancer'))].join('---'));
  await lab.apply([...names, 'plain'].map((name) => sliceOf(name, 1)).join('---'));
  const isAnnounced = (entry: Entry) => entry.status?.holder?.node !== undefined;
  await eventually(
    `${count} VIPs are announced`,
    async () => (await lab.api.list<Entry>('ipallocations')).filter(isAnnounced).length === count,
    { timeoutMs: 300_000, everyMs: 1_000 },
  );
}

/** A slice with this number of endpoints. */
function sliceOf(service: string, endpoints: number): string {
  const all = Array.from(
    { length: endpoints },
    (_, i) => `{ addresses: [10.250.0.${i + 1}], nodeName: node1, conditions: { ready: true } }`,
  );
  return `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${service}-bench, labels: { kubernetes.io/service-name: ${service} } }
addressType: IPv4
ports: [{ port: 80, protocol: TCP }]
endpoints: [${all.join(', ')}]
`;
}

/** Gives a Service one more endpoint, again and again. */
async function changeSlices(lab: Lab, service: string): Promise<void> {
  const begin = performance.now();
  for (let i = 0; i < starts; i++) {
    await lab.apply(sliceOf(service, 2 + i));
    await delay(Math.max(0, begin + (i + 1) * startEveryMs - performance.now()));
  }
}

interface NewLinks {
  readonly from: number;
  readonly count: number;
  readonly pauseMs: number;
}

/** Adds the links of Pods on every node, one after the other. */
async function addLinks({ nodes }: Lab, { from, count, pauseMs }: NewLinks): Promise<void> {
  await Promise.all(
    nodes.map((node, n) => node.exec(['sh', '-ec', linkScript(n, { from, count, pauseMs })], { timeoutMs: 120_000 })),
  );
}

/** The far ends are in one other network namespace, which ends with the node. */
function linkScript(node: number, { from, count, pauseMs }: NewLinks): string {
  const file = '/run/bench-pods';
  return `[ -e ${file} ] || { unshare --net sleep infinity </dev/null >/dev/null 2>&1 & echo $! >${file}; sleep 0.2; }
  pods=$(cat ${file}); i=${from}; while [ $i -lt ${from + count} ]; do
    ip link add cali$i address ${calicoMac} type veth peer name far$i netns $pods
    ip address add fe80::ecee:eeff:feee:eeee/64 dev cali$i nodad
    ip link set cali$i up; nsenter --target $pods --net ip link set far$i up
    ip route add 10.25${node}.$((i / 200)).$((i % 200 + 1))/32 dev cali$i
    sleep ${pauseMs / 1_000}; i=$((i + 1)); done`;
}

function sumOf(one: Spent, other: Spent = one): Spent {
  return { cpuMs: one.cpuMs + other.cpuMs, elapsedMs: one.elapsedMs + other.elapsedMs };
}

/** The CPU time for each Pod that started, without the time that the speaker uses anyway, in milliseconds. */
function startOf(spent: Spent, rest: Spent = { cpuMs: 0, elapsedMs: 1 }): number {
  return (spent.cpuMs - rateOf(rest) * spent.elapsedMs) / starts;
}

/** The sizes of the heartbeats on the wire of the first node, and its fragments. */
async function heartbeatsOf({ nodes: [node] }: Lab): Promise<string> {
  const filter = 'udp port 7932 or (ip[6:2] & 0x3fff != 0)';
  const argv = ['timeout', `${captureSeconds}`, 'tcpdump', '-n', '-l', '-i', (node as LabHost).link, filter];
  const { stdout = '' } = (await node?.exec(argv)) ?? {};
  const sizes = [...stdout.matchAll(/UDP, length (\d+)/g)].map(([, bytes]) => Number(bytes));
  const fragments = stdout.split('\n').filter((line) => / frag|ip-proto-17/.test(line)).length;
  return `${sizes.length} in ${captureSeconds} s, at most ${Math.max(...sizes)} bytes, ${fragments} fragments`;
}
