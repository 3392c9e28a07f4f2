/** `pools`: lists the addresses of each pool, how many are used, and whether they are announced. */
import { formatRange } from '../../addr/range.ts';
import { coversPool } from '../../api/advertisement.ts';
import { listed } from '../../api/text.ts';
import { settle } from '../../ipam/allocate.ts';
import { poolReports } from '../../ipam/pool-report.ts';
import { allocationSnapshot, type Cluster, readCluster } from '../cluster/cluster.ts';
import type { CommandSpec } from '../command.ts';
import type { Answer } from '../output/answer.ts';
import { exits } from '../output/failure.ts';
import { type Column, renderTable } from '../output/table.ts';

/** The state of a pool, for people and programs. */
interface PoolFacts {
  readonly name: string;
  readonly state: string;
  readonly autoAssign: boolean;
  readonly addresses: readonly string[];
  readonly used: string;
  readonly free: string;
  readonly priority: number | undefined;
  readonly strict: boolean;
  readonly namespaces: readonly string[];
  readonly quota: number | undefined;
  /** Names of the L2Advertisements that cover it. */
  readonly advertisedBy: readonly string[];
  /** Its problems. */
  readonly problems: readonly string[];
}

/** The command. */
export const poolsCommand: CommandSpec = {
  name: 'pools',
  summary: 'list the pools, how full they are, and which Services they serve',
  description:
    'Lists the IPAddressPools.\nStatus 1: a pool has a problem: an entry that cannot be used, an overlap, or no L2Advertisement.',
  examples: [
    ['kubectl berth pools', 'how full each pool is'],
    ['kubectl berth pools -o wide', 'with their addresses, quotas and namespaces'],
  ],
  run: async (session) => poolsAnswer(poolFacts(await readCluster(session))),
};

/** Collects the facts of all pools, the oldest first. */
function poolFacts(cluster: Cluster): readonly PoolFacts[] {
  const { table, ledger } = settle(allocationSnapshot(cluster));
  return poolReports(table, ledger).map(({ pool, counts, findings }) => {
    const { name, state, autoAssign, ranges, allocation, quota } = pool;
    const advertisedBy = cluster.advertisements.filter((one) => coversPool(one, name)).map((one) => one.name);
    const faults = findings.filter(({ type, status }) => (type === 'Ready') !== (status === 'True'));
    const silent = advertisedBy.length === 0 ? ['NoAdvertisement: no L2Advertisement covers it'] : [];
    return {
      ...{ name, state, autoAssign, quota, advertisedBy },
      addresses: ranges.map(formatRange),
      ...{ used: counts.used, free: counts.free },
      priority: allocation?.priority,
      strict: allocation?.strict === true,
      namespaces: allocation?.namespaces ?? [],
      problems: [...faults.map(({ reason, message }) => `${reason}: ${message}`), ...silent],
    };
  });
}

const columns: readonly Column<PoolFacts>[] = [
  { title: 'POOL', cell: ({ name }) => name },
  { title: 'STATE', cell: ({ state }, { warn }) => (state === 'Active' ? state : warn(state)) },
  { title: 'AUTO', cell: ({ autoAssign }) => String(autoAssign) },
  { title: 'USED', cell: ({ used }) => used },
  { title: 'FREE', cell: ({ free }, { warn }) => (free === '0' ? warn(free) : free) },
  { title: 'ADVERTISED BY', cell: ({ advertisedBy }, { bad }) => listed(advertisedBy) || bad('none') },
  { title: 'ADDRESSES', cell: ({ addresses }) => listed(addresses), wide: true },
  { title: 'PRIORITY', cell: ({ priority }) => (priority === undefined ? '' : String(priority)), wide: true },
  { title: 'NAMESPACES', cell: ({ namespaces }) => listed(namespaces), wide: true },
  { title: 'STRICT', cell: ({ strict }) => (strict ? 'true' : ''), wide: true },
  { title: 'QUOTA', cell: ({ quota }) => (quota === undefined ? '' : String(quota)), wide: true },
];

function poolsAnswer(facts: readonly PoolFacts[]): Answer<readonly PoolFacts[]> {
  const problemsOf = (pools: readonly PoolFacts[]) =>
    pools.flatMap(({ name, problems }) => problems.map((one) => `  ${name}: ${one}\n`));
  return {
    facts,
    text: (style, shown) => {
      const problems = problemsOf(shown);
      const list = problems.length === 0 ? '' : `\n${style.colors.warn('Problems')}\n${problems.join('')}`;
      return `${renderTable(shown, columns, { ...style, empty: 'There is no IPAddressPool.' })}${list}`;
    },
    exit: problemsOf(facts).length === 0 ? exits.fine : exits.wrong,
  };
}
