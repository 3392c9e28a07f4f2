/** The bench of rules beside bad Services: what 100 of them cost the rules of 10,000 others, in a real kernel, without a cluster. */
import { keepAliveText } from '../../src/dataplane/nft/fragment.ts';
import { changeText, type Ruleset, wholeText } from '../../src/dataplane/nft/ruleset.ts';
import { Stages } from '../../src/dataplane/nft/stages.ts';
import { rulesetOf } from '../../src/dataplane/rules/desired.ts';
import { enterNewNamespace } from '../net/own-namespace.ts';
import { Gathering } from '../net/raw/gathering.ts';
import { load } from '../net/raw/kernel.ts';
import { type Cluster, clusterOf, type Fields, handedOff, rawAllocation, rawService } from '../net/raw/objects.ts';
import { machineLine } from './machine.ts';
import { ratios, summaryOf, summaryText } from './medians.ts';

/** What to measure. */
export interface BadRulesOptions {
  readonly services: number;
  readonly bad: number;
  readonly rounds: number;
}

/** The watch collects its facts again after this time. */
const settledMs = 400;
/** As many source ranges as a Service with one port may have. */
const mostRanges = 10_000;

const ranges = (count: number) => Array.from({ length: count }, (_, i) => `10.${i >> 8}.${i & 255}.1/32`);
const ports = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ protocol: 'TCP', port: 1 + i, nodePort: 30_000 + i }));

/** The sorts of bad Services. Each shows an address and asks for hand-off NodePort. */
const sorts: readonly Fields[] = [
  { loadBalancerSourceRanges: ranges(mostRanges) },
  { loadBalancerSourceRanges: ranges(mostRanges + 1) },
  { loadBalancerSourceRanges: ['0.0.0.0/0', '10.0.0.0/8', '10.1.0.0/16', '10.1.0.0/16'] },
  { loadBalancerSourceRanges: ['010.0.0.0/8', '::ffff:10.0.0.0/95', ' 10.0.0.0/8\n', '} flush ruleset'] },
  { loadBalancerSourceRanges: ['::/0'], sessionAffinity: 'ClientIP' },
  { loadBalancerSourceRanges: ranges(100), ports: ports(100) },
  { ports: ports(1_000) },
  { ports: [{ protocol: 'SCTP', port: 80, nodePort: 30_080 }] },
  { ports: [{ protocol: 'TCP', port: 80 }] },
  { ports: [{ protocol: 'TCP', port: 80, nodePort: 30_080 }], externalTrafficPolicy: 'Local' },
];

/** A cluster with good Services, and as many bad ones in a namespace of their own. */
function clusterWith(services: number, bad: number): Cluster {
  const good = Array.from({ length: services }, (_, i) => {
    const of = {
      ports: [{ protocol: 'TCP', port: 80, nodePort: 20_000 + i }],
      loadBalancerSourceRanges: ['10.0.0.0/8'],
    };
    return rawService(`good-${i}`, [addressOf(i)], { metadata: handedOff, spec: of });
  });
  const others = Array.from({ length: bad }, (_, i) => {
    const metadata = { ...handedOff, namespace: 'bad' };
    return rawService(`bad-${i}`, [addressOf(0xff00 + i)], { metadata, spec: sorts[i % sorts.length] ?? {} });
  });
  const all = [...good, ...others];
  const addressesOf = (status: (typeof all)[number]['status']) => status?.loadBalancer?.ingress?.[0]?.ip ?? '';
  return clusterOf({
    services: all,
    allocations: all.map((service) => rawAllocation(addressesOf(service.status), [service])),
  });
}

const addressOf = (index: number) => `10.99.${index >> 8}.${index & 255}`;

/** Loads the rules with and without bad Services in turns, and prints a table. */
export async function benchBadRules({ services, bad, rounds }: BadRulesOptions): Promise<void> {
  enterNewNamespace(['v0']);
  const without = await rulesOf(services, 0);
  const beside = await rulesOf(services, bad);
  const measured = Array.from({ length: rounds }, () => [measure(without), measure(beside)] as const);
  const row = (pick: (one: Measured) => number) => {
    const [alone, both] = [measured.map(([one]) => pick(one)), measured.map(([, one]) => pick(one))];
    return {
      'without, ms': summaryText(summaryOf(alone), 1),
      'beside them, ms': summaryText(summaryOf(both), 1),
      ratio: summaryText(summaryOf(ratios(both, alone)), 2),
    };
  };
  console.log(machineLine());
  console.log(`${services} Services, beside ${bad} bad ones; medians of ${rounds} rounds, in brackets a half of all`);
  console.table({
    'loaded for the first time, but for source ranges that follow': row(({ wholeMs }) => wholeMs),
    'source ranges that follow': row(({ restMs }) => restMs),
    'loaded again, as after a restart; the rules of before are in effect': row(({ againMs }) => againMs),
    'one Service more': row(({ changeMs }) => changeMs),
    renewed: row(({ renewMs }) => renewMs),
  });
}

interface Rules {
  readonly before: Ruleset;
  /** With one good Service more. */
  readonly after: Ruleset;
}

async function rulesOf(services: number, bad: number): Promise<Rules> {
  const node = new Gathering();
  try {
    const rules = async (count: number) => {
      await node.pathOf(clusterWith(count, bad));
      return rulesetOf(await node.look(settledMs));
    };
    return { before: await rules(services - 1), after: await rules(services) };
  } finally {
    node.close();
  }
}

interface Measured {
  readonly wholeMs: number;
  readonly restMs: number;
  readonly againMs: number;
  readonly changeMs: number;
  readonly renewMs: number;
}

function measure({ before, after }: Rules): Measured {
  load('flush ruleset');
  const stages = new Stages([], before);
  const wholeMs = timeOf(() => load(wholeText(stages.first)));
  const restMs = timeOf(() => {
    for (let commands = stages.next; commands !== undefined; commands = stages.next) {
      load(commands);
      stages.loaded();
    }
  });
  const againMs = timeOf(() => load(wholeText(new Stages(undefined, before).first)));
  const changeMs = timeOf(() => load(changeText(before, after)));
  return { wholeMs, restMs, againMs, changeMs, renewMs: timeOf(() => load(keepAliveText(after))) };
}

function timeOf(act: () => void): number {
  const begin = performance.now();
  act();
  return performance.now() - begin;
}
