/** Runs the files of one stage by Node's test runner, and prints its report without the summary. */
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { type Counts, isSummaryLine, type RunnerEvent } from './events.ts';
import { withMatrix } from './matrix-report.ts';

/** What to run. */
export interface Stage {
  readonly files: readonly string[];
  /** How many files run at a time. */
  readonly concurrency: number;
  /** A module with `globalSetup` and `globalTeardown`. */
  readonly setup?: string;
}

/** What came of a stage. */
export interface StageResult {
  readonly counts: Counts;
  /** Milliseconds, by file. */
  readonly durations: ReadonlyMap<string, number>;
}

/** The variable that tells the global set-up which files run, a line each. */
export const filesVariable = 'BERTH_TEST_FILES';

/** A module that prepares a stage, as Node's own `--test-global-setup` has it. */
interface GlobalSetup {
  readonly globalSetup: () => Promise<void>;
  readonly globalTeardown?: () => Promise<void>;
}

/** A file that takes longer is ended. */
const fileTimeoutMs = 600_000;

const none: Counts = { tests: 0, suites: 0, passed: 0, failed: 0, cancelled: 0, skipped: 0, todo: 0 };

/** Runs a stage to its end. Never throws for a test that fails, but for a set-up that does. */
export async function runStage({ files, concurrency, setup }: Stage): Promise<StageResult> {
  process.env[filesVariable] = files.join('\n');
  // Node runs a global set-up once in a process, whatever the number of runs.
  const around = setup === undefined ? undefined : ((await import(resolve(setup))) as GlobalSetup);
  await around?.globalSetup();
  try {
    return await runFiles({ files, concurrency });
  } finally {
    await around?.globalTeardown?.();
  }
}

async function runFiles({ files, concurrency }: Omit<Stage, 'setup'>): Promise<StageResult> {
  const events = run({ files: [...files], concurrency, timeout: fileTimeoutMs });
  const durations = new Map<string, number>();
  let counts = none;
  async function* read(): AsyncGenerator<RunnerEvent> {
    for await (const event of withMatrix(events as AsyncIterable<RunnerEvent>)) {
      const { file, duration_ms: ms = 0, counts: found } = event.data;
      if (event.type === 'test:summary' && found) {
        if (file === undefined) counts = found;
        else durations.set(file, ms);
      }
      if (!isSummaryLine(event)) yield event;
    }
  }
  for await (const text of Readable.from(read()).pipe(new spec())) process.stdout.write(text);
  return { counts, durations };
}
