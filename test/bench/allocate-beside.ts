/** How soon new Services get addresses beside many that have one, with and without bad Services that change all the time. */
import type { Log } from '../lab/progress.ts';
import { BadServices } from './allocate-bad.ts';
import { createPool, deletePool, deleteServices, ledgerSize, noneLeft, Seen } from './allocate-objects.ts';
import { measureCreation, measureDeletion, type Stage } from './allocate-phases.ts';
import type { Role } from './allocate-processes.ts';

/** What to measure. */
interface Beside {
  /** The Services that have an address. */
  readonly services: number;
  /** The bad Services. */
  readonly bad: number;
}

type Creation = Awaited<ReturnType<typeof measureCreation>>;

/** One round: the creations, and how often a bad Service was changed meanwhile. */
interface Round {
  readonly without: Creation;
  readonly beside: Creation;
  readonly changes: number;
}

const rounds = 3;
/** The Services that are created in each round, twice. */
const created = 500;

/** Measures in turns, and prints a table. */
export async function benchBesideBad(stage: Stage, controller: Role, { services, bad }: Beside): Promise<void> {
  const { api, lab, log } = stage;
  await createPool(api, lab.controlPlane, services);
  const names = Array.from({ length: services }, (_, index) => `service-${index}`);
  await createSome(stage, controller, names);
  const some = names.slice(0, created);
  const again = async () => {
    await deleteServices(api, some);
    const left = async () => (await ledgerSize(api)) - (services - some.length);
    await noneLeft('entries of Services that are deleted', left, 50);
    return createSome(stage, controller, some);
  };
  const all: Round[] = [];
  for (let i = 0; i < rounds; i++) {
    const without = await again();
    const trouble = await BadServices.start(api, bad);
    const beside = await again();
    all.push({ without, beside, changes: await trouble.end() });
    log(lineOf(all.at(-1) as Round));
  }
  await measureDeletion(stage, names);
  await deletePool(api);
  print({ services, bad }, all, log);
}

async function createSome(stage: Stage, controller: Role, names: readonly string[]): Promise<Creation> {
  const seen = await Seen.from(stage.api);
  try {
    return await measureCreation(stage, controller, { seen, names });
  } finally {
    seen.end();
  }
}

function lineOf({ without, beside, changes }: Round): string {
  const p99 = ({ servedMs }: Creation) => quantile(servedMs, 0.99).toFixed(0);
  return `address seen after the answer, p99: ${p99(without)} ms without, ${p99(beside)} ms beside bad Services, ${changes} changes of these`;
}

function print({ services, bad }: Beside, all: readonly Round[], log: Log): void {
  const row = (pick: (one: Creation) => number, digits = 0) => ({
    without: all.map(({ without }) => pick(without).toFixed(digits)).join(', '),
    beside: all.map(({ beside }) => pick(beside).toFixed(digits)).join(', '),
  });
  log(
    `${created} Services are created beside ${services - created}, ${rounds} times, without and beside ${bad} bad ones`,
  );
  console.table({
    'create answered to address seen, p50, ms': row(({ servedMs }) => quantile(servedMs, 0.5)),
    'create answered to address seen, p99, ms': row(({ servedMs }) => quantile(servedMs, 0.99)),
    'create answered to address seen, max, ms': row(({ servedMs }) => quantile(servedMs, 1)),
    'create sent to its answer, p50, ms': row(({ answerMs }) => quantile(answerMs, 0.5)),
    'create sent to its answer, p99, ms': row(({ answerMs }) => quantile(answerMs, 0.99)),
    'controller CPU, s': row(({ cpuSeconds }) => cpuSeconds, 1),
  });
  console.log(`changes of bad Services: ${all.map(({ changes }) => changes).join(', ')}`);
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}
