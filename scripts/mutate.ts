/** Checks that the tests find the mutations of `test/mutations`. `npm run mutate -- --help` shows the options. */
import { parseArgs } from 'node:util';
import { mutations } from '../test/mutations/list.ts';
import type { Mutation } from '../test/mutations/mutation.ts';
import { Copy } from './mutate/copy.ts';
import { Reach } from './mutate/reach.ts';
import { renderList, renderSummary, type Tried } from './mutate/report.ts';
import { endAll } from './mutate/run-tests.ts';
import { Trial } from './mutate/trial.ts';

const usage = `npm run mutate [-- OPTIONS]: makes each mutation of test/mutations in a copy of the tree, and runs the tests that should find it

  --only ID,ID     only these mutations
  --area NAME      only the mutations of this area: ${Object.keys(mutations).join(', ')}
  --list           list the mutations, and run nothing
  --help           show this text

Status 1: the tests do not find a mutation, and the list does not mark it as one that survives.`;

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** The exit code that a shell reports for a program that was ended by Ctrl-C. */
const interruptedCode = 130;

const { values } = readArguments();
if (values.help) {
  console.log(usage);
} else {
  const chosen = choose(values);
  if (values.list) console.log(renderList(chosen));
  else process.exitCode = (await tryAll(chosen)) ? 0 : 1;
}

function readArguments() {
  const list = { type: 'string', multiple: true } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({ options: { only: list, area: list, list: flag, help: flag } });
  } catch (error) {
    return misused((error as Error).message);
  }
}

/** Returns the mutations that the command line names, by area. */
function choose({
  only,
  area,
}: {
  readonly only?: string[];
  readonly area?: string[];
}): ReadonlyMap<string, Mutation[]> {
  const [ids, areas] = [only, area].map((words) => words?.flatMap((word) => word.split(',')));
  const all = Object.values(mutations).flat();
  const unknown = [
    ...(ids ?? []).filter((id) => !all.some((one) => one.id === id)),
    ...(areas ?? []).filter((name) => !(name in mutations)),
  ];
  if (unknown.length > 0) misused(`no such mutation or area: ${unknown.join(', ')}`);
  const inAreas = Object.entries(mutations).filter(([name]) => areas?.includes(name) ?? true);
  const chosen = inAreas.map(([name, some]) => [name, some.filter(({ id }) => ids?.includes(id) ?? true)] as const);
  return new Map(chosen.filter(([, some]) => some.length > 0));
}

/** Tries the mutations, and prints the results. Returns whether all results are as expected. */
async function tryAll(chosen: ReadonlyMap<string, readonly Mutation[]>): Promise<boolean> {
  const root = new URL('..', import.meta.url).pathname;
  const copy = new Copy(root);
  for (const name of signals) process.on(name, () => process.exit(interruptedCode));
  process.on('exit', () => {
    endAll();
    copy.remove();
  });
  const trial = new Trial(copy, new Reach(root));
  const total = [...chosen.values()].reduce((sum, some) => sum + some.length, 0);
  const tried: Tried[] = [];
  for (const [area, some] of chosen) {
    for (const mutation of some) {
      const startedAt = performance.now();
      const verdict = await trial.judge(mutation);
      const seconds = (performance.now() - startedAt) / 1_000;
      tried.push({ area, mutation, verdict, seconds });
      const what = verdict.kind === 'Killed' ? `killed by ${verdict.by}` : verdict.kind.toUpperCase();
      console.log(`${tried.length}/${total}  ${mutation.id}  ${what}  (${seconds.toFixed(1)} s)`);
    }
  }
  console.log(renderSummary(tried));
  return tried.every(({ mutation, verdict }) => verdict.kind === 'Killed' || isExpected(mutation, verdict.kind));
}

function isExpected({ survives }: Mutation, kind: 'Survived' | 'Unknown'): boolean {
  return kind === 'Survived' && survives !== undefined;
}

function misused(why: string): never {
  console.error(`${why}\n\n${usage}`);
  process.exit(2);
}
