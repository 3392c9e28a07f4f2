/** The faults that random runs choose from. */
import type { Cluster } from './cluster.ts';

/** Causes a fault now. Returns its description. */
type Fault = (cluster: Cluster) => string;

/** A fault that has happened. */
export interface Broken {
  readonly name: FaultName;
  readonly what: string;
}

const oneNode = (cluster: Cluster) => cluster.random.pick(cluster.names);
const someNodes = (cluster: Cluster) =>
  cluster.random.shuffled(cluster.names).slice(0, 1 + cluster.random.below(cluster.names.length - 1));
const oneCable = (cluster: Cluster) => cluster.random.pick([...cluster.links, 'mgmt']);
const later = (cluster: Cluster, ms: readonly [number, number], run: () => void) =>
  cluster.schedule.in(cluster.random.between(...ms), run);

function cut(cluster: Cluster, state: 'NoCarrier' | 'Dark'): string {
  const node = oneNode(cluster);
  const cable = oneCable(cluster);
  cluster.setCable(node, cable, state);
  if (cluster.random.chance(0.7)) later(cluster, [50, 5_000], () => cluster.setCable(node, cable, 'Up'));
  return `cut ${cable} of ${node}: ${state}`;
}

/** The faults by name, each with the weight of its choice. */
const faults = {
  kill: {
    weight: 3,
    run: (cluster) => {
      const node = oneNode(cluster);
      const remembers = cluster.random.chance(0.5);
      const how = cluster.random.pick(['kill', 'powerOff'] as const);
      cluster.speaker(node)[how]();
      if (cluster.random.chance(0.3)) return `${how} ${node}`;
      later(cluster, [50, 4_000], () => cluster.speaker(node).start({ remembers }));
      return `${how} ${node} and start it again`;
    },
  },
  restart: {
    weight: 3,
    run: (cluster) => {
      const node = oneNode(cluster);
      const remembers = cluster.random.chance(0.7);
      cluster.speaker(node).restart({ downMs: cluster.random.between(200, 2_000), remembers });
      return `restart ${node}`;
    },
  },
  pause: {
    weight: 3,
    run: (cluster) => {
      const node = oneNode(cluster);
      const ms = cluster.random.between(100, cluster.random.pick([400, 1_000, 5_000, 30_000]));
      cluster.speaker(node).pause(ms);
      return `pause ${node} for ${Math.round(ms)} ms`;
    },
  },
  cut: { weight: 2, run: (cluster) => cut(cluster, 'NoCarrier') },
  dark: { weight: 2, run: (cluster) => cut(cluster, 'Dark') },
  partition: {
    weight: 2,
    run: (cluster) => {
      const nodes = someNodes(cluster);
      const cables = cluster.random.chance(0.7) ? [...cluster.links, 'mgmt'] : [oneCable(cluster)];
      cluster.partition(nodes, cables);
      if (cluster.random.chance(0.6)) later(cluster, [100, 5_000], () => cluster.partition(nodes, cables, 0));
      return `separate ${nodes.join(', ')} on ${cables.join(', ')}`;
    },
  },
  oneWay: {
    weight: 2,
    run: (cluster) => {
      const [from = '', to = ''] = cluster.random.shuffled(cluster.names);
      const cable = oneCable(cluster);
      cluster.fabric.loseOneWay(from, to, cable);
      return `lose ${from} to ${to} on ${cable}`;
    },
  },
  block: {
    weight: 2,
    run: (cluster) => {
      const nodes = cluster.random.chance(0.3) ? cluster.names : someNodes(cluster);
      for (const node of nodes) cluster.fabric.blocked.add(node);
      return `block the port of ${nodes.join(', ')}`;
    },
  },
  impairment: {
    weight: 2,
    run: (cluster) => {
      const { random, fabric } = cluster;
      const latencyMs = [0.1, random.between(0.2, 30)] as const;
      Object.assign(fabric.impairment, { latencyMs, loss: random.between(0, 0.3), twice: random.between(0, 0.1) });
      return `impairment ${JSON.stringify(fabric.impairment)}`;
    },
  },
  apiDown: {
    weight: 2,
    run: (cluster) => {
      cluster.api.goDown();
      if (cluster.random.chance(0.5)) later(cluster, [500, 5_000], () => cluster.api.recover());
      return 'API server down';
    },
  },
  halfOpen: {
    weight: 2,
    run: (cluster) => {
      const node = oneNode(cluster);
      cluster.api.halfOpen(node);
      return `watch of ${node} half open`;
    },
  },
  eligible: {
    weight: 2,
    run: (cluster) => {
      const uid = cluster.random.pick(cluster.uids);
      const nodes = someNodes(cluster);
      cluster.setEligible(uid, nodes);
      return `${uid} for ${nodes.join(', ')}`;
    },
  },
  drain: {
    weight: 1,
    run: (cluster) => {
      const node = oneNode(cluster);
      cluster.api.setNode(node, { draining: true });
      later(cluster, [500, 8_000], () => cluster.api.setNode(node, { draining: false }));
      return `drain ${node}`;
    },
  },
  forget: {
    weight: 1,
    run: (cluster) => {
      const node = oneNode(cluster);
      cluster.api.setNode(node, undefined);
      later(cluster, [100, 3_000], () => cluster.api.setNode(node, { draining: false }));
      return `Node object of ${node} deleted, and created again later`;
    },
  },
  stuck: {
    weight: 1,
    run: (cluster) => {
      const speaker = cluster.speaker(oneNode(cluster));
      speaker.workerAgeMs = cluster.random.between(500, 10_000);
      later(cluster, [500, 3_000], () => {
        speaker.workerAgeMs = 0;
      });
      return `worker of ${speaker.name} stuck`;
    },
  },
  replay: {
    weight: 2,
    run: (cluster) => {
      const ms = cluster.random.between(200, 5_000);
      cluster.adversary.replay(ms);
      return `captured datagrams are sent again for ${Math.round(ms)} ms`;
    },
  },
  claim: {
    weight: 1,
    run: (cluster) => {
      const vip = cluster.random.pick(cluster.api.snapshot.vips);
      const ms = cluster.random.between(200, 5_000);
      cluster.adversary.claim(vip, ms);
      return `a host claims ${vip.uid} for ${Math.round(ms)} ms`;
    },
  },
  newVip: {
    weight: 1,
    run: (cluster) => `new ${cluster.addVip(cluster.uids.length)}`,
  },
} as const satisfies Readonly<Record<string, { readonly weight: number; readonly run: Fault }>>;

/** The name of a fault. */
export type FaultName = keyof typeof faults;

const bag = (Object.keys(faults) as FaultName[]).flatMap((name) => Array<FaultName>(faults[name].weight).fill(name));

/** Causes a random fault. Returns its name and description. */
export function breakSomething(cluster: Cluster): Broken {
  const name = cluster.random.pick(bag);
  return { name, what: `${Math.round(cluster.now)} ms: ${faults[name].run(cluster)}` };
}
