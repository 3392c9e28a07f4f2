/** Tries out whether the tests find the slips of `test/mutations`; `npm run mutate -- --help` says how. */
import { parseArgs } from 'node:util';
import { mutations } from '../test/mutations/list.ts';
import type { Mutation } from '../test/mutations/mutation.ts';
import { Copy } from './mutate/copy.ts';
import { Reach } from './mutate/reach.ts';
import { renderList, renderSummary, type Tried } from './mutate/report.ts';
import { endAll } from './mutate/run-tests.ts';
import { Trial } from './mutate/trial.ts';

const usage = `npm run mutate [-- OPTIONS]: makes each slip of test/mutations in a copy of the tree, and runs the tests that should find it

  --only ID,ID     these only
  --area NAME      those of an area only: ${Object.keys(mutations).join(', ')}
  --list           says what there is, and tries nothing
  --help           says this

Status 1: the tests do not find one, and the list does not say why that must be.`;

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Exit code of a program that Ctrl-C ended, as a shell gives it. */
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

/** The mutations that the command line names, by area. */
function choose({
  only,
  area,
}: {
  readonly only?: string[];
  readonly area?: string[];
}): ReadonlyMap<string, Mutation[]> {
  const [ids, areas] = [only, area].map((words) => words?.flatMap((word) => word.split(',')));
  const all = Object.values(mutations).flat();
  const strangers = [
    ...(ids ?? []).filter((id) => !all.some((one) => one.id === id)),
    ...(areas ?? []).filter((name) => !(name in mutations)),
  ];
  if (strangers.length > 0) misused(`there is no mutation and no area ${strangers.join(', ')}`);
  const inAreas = Object.entries(mutations).filter(([name]) => areas?.includes(name) ?? true);
  const chosen = inAreas.map(([name, some]) => [name, some.filter(({ id }) => ids?.includes(id) ?? true)] as const);
  return new Map(chosen.filter(([, some]) => some.length > 0));
}

/** Tries them, and says what came of them. Is there nothing to be mended? */
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
