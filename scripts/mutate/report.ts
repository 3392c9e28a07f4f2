/** The results of a run of mutations, as text. */
import type { Mutation } from '../../test/mutations/mutation.ts';
import type { Verdict } from './trial.ts';

/** A mutation and its result. */
export interface Tried {
  readonly area: string;
  readonly mutation: Mutation;
  readonly verdict: Verdict;
  readonly seconds: number;
}

/** Lists every mutation with its consequence, by area. */
export function renderList(areas: ReadonlyMap<string, readonly Mutation[]>): string {
  return [...areas]
    .flatMap(([area, some]) => [`${area} (${some.length})`, ...some.map((one) => `  ${one.id}: ${one.consequence}`)])
    .join('\n');
}

const columns = [
  'area',
  'mutations',
  'killed',
  'by other tests',
  'survive',
  'as marked',
  'unknown',
  'seconds',
] as const;

/** Formats the results: a row for each area, and a line for every mutation that needs work. */
export function renderSummary(tried: readonly Tried[]): string {
  const rows = [...Map.groupBy(tried, ({ area }) => area)].map(([area, some]) => rowOf(area, some));
  const table = [columns, ...rows, rowOf('all', tried)];
  const widths = columns.map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return ['', ...lines, '', ...tried.flatMap(remarkOn)].join('\n').trimEnd();
}

function rowOf(area: string, some: readonly Tried[]): readonly string[] {
  const count = (test: (one: Tried) => boolean) => `${some.filter(test).length}`;
  const survived = ({ verdict }: Tried) => verdict.kind === 'Survived';
  return [
    area,
    `${some.length}`,
    count(({ verdict }) => verdict.kind === 'Killed'),
    count(({ verdict }) => verdict.kind === 'Killed' && !verdict.isNamed),
    count((one) => survived(one) && one.mutation.survives === undefined),
    count((one) => survived(one) && one.mutation.survives !== undefined),
    count(({ verdict }) => verdict.kind === 'Unknown'),
    some.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(0),
  ];
}

/** Says what to do about a mutation. Empty if a test that the list names has killed it. */
function remarkOn({ mutation, verdict }: Tried): readonly string[] {
  const { id, file, consequence, survives } = mutation;
  if (verdict.kind === 'Unknown') return [`${id}: unknown, because its tests fail ${verdict.why}`];
  if (verdict.kind === 'Survived') {
    return survives === undefined
      ? [`${id} (src/${file}) SURVIVES: ${consequence}`]
      : [`${id} (src/${file}) survives: ${survives}`];
  }
  const stale = survives === undefined ? [] : [`${id} is killed, but marked as one that survives: delete the mark`];
  return verdict.isNamed
    ? stale
    : [...stale, `${id} is found by ${verdict.by}: add that file to its tests in the list`];
}
