/** Runs the files of one stage with Node's test runner, and prints the runner's report without its summary. */
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { spec } from 'node:test/reporters';
import { type Counts, type Failure, failureOf, isSummaryLine, type RunnerEvent, sumOf } from './events.ts';
import { runInLanes } from './lanes.ts';
import { withMatrix } from './matrix-report.ts';
import { filesVariable, lanesVariable } from './variables.ts';

/** What to run. */
export interface Stage {
  readonly files: readonly string[];
  /** How many files run at a time. */
  readonly lanes: number;
  /** A module with `globalSetup` and `globalTeardown`. */
  readonly setup?: string;
}

/** The result of a stage. */
export interface StageResult {
  readonly counts: Counts;
  /** Milliseconds, by file. */
  readonly durations: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
}

/** A module that prepares a stage, in the form of Node's own `--test-global-setup`. */
interface GlobalSetup {
  readonly globalSetup: () => Promise<void>;
  readonly globalTeardown?: () => Promise<void>;
}

/** Runs a stage to its end. A test that fails does not throw; a setup that fails does. */
export async function runStage({ files, lanes, setup }: Stage): Promise<StageResult> {
  process.env[filesVariable] = files.join('\n');
  process.env[lanesVariable] = String(lanes);
  // Node would run a global setup only once in a process, however many runs there are. So it is called here.
  const around = setup === undefined ? undefined : ((await import(resolve(setup))) as GlobalSetup);
  await around?.globalSetup();
  try {
    return await report(runInLanes(files, lanes));
  } finally {
    await around?.globalTeardown?.();
  }
}

/** Prints the events, and returns the result. */
async function report(events: AsyncIterable<RunnerEvent>): Promise<StageResult> {
  const durations = new Map<string, number>();
  const counts: Counts[] = [];
  const failures: Failure[] = [];
  async function* read(): AsyncGenerator<RunnerEvent> {
    for await (const event of withMatrix(events)) {
      const { file, duration_ms: ms = 0, counts: found } = event.data;
      if (event.type === 'test:summary' && found) {
        if (file === undefined) counts.push(found);
        else durations.set(file, ms);
      }
      const failure = failureOf(event);
      if (failure !== undefined) failures.push(failure);
      if (!isSummaryLine(event)) yield event;
    }
  }
  for await (const text of Readable.from(read()).pipe(new spec())) process.stdout.write(text);
  return { counts: sumOf(counts), durations, failures };
}
