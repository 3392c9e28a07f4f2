/** Runs files of tests until the first one fails. */
import { type ChildProcess, spawn } from 'node:child_process';
import { relative } from 'node:path';
import { createInterface } from 'node:readline';
import type { FailedTest } from './reporter.ts';

/** What came of a run. */
export type RunOutcome =
  | { readonly kind: 'Passed' }
  | { readonly kind: 'Failed'; readonly file: string; readonly test: string }
  /** It took longer than it may: with a mutation that is a finding too. */
  | { readonly kind: 'Hung' };

const reporter = new URL('reporter.ts', import.meta.url).pathname;

/** The processes that run now. */
const running = new Set<ChildProcess>();

/** Ends all that runs, with all that it has started. */
export function endAll(): void {
  for (const child of running) end(child);
}

/** Runs these files, two at a time, in a tree. */
export async function runTests(
  root: string,
  files: readonly string[],
  { limitMs }: { readonly limitMs: number },
): Promise<RunOutcome> {
  const args = ['--test', '--test-concurrency=2', `--test-reporter=${reporter}`, ...files];
  // A group of its own: a test's own processes end with it, and Ctrl-C comes to this process alone.
  const child = spawn(process.execPath, args, {
    ...{ cwd: root, detached: true, stdio: ['ignore', 'pipe', 'ignore'] },
    // By this the runner knows that a test has started it, and would run nothing.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  running.add(child);
  // What a test has left running would keep the pipe open.
  child.once('exit', () => end(child));
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  let outcome: RunOutcome = { kind: 'Passed' };
  const finish = (found: RunOutcome) => {
    if (outcome.kind === 'Passed') outcome = found;
    end(child);
  };
  const timer = setTimeout(() => finish({ kind: 'Hung' }), limitMs);
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    const { file, name } = JSON.parse(line) as FailedTest;
    finish({ kind: 'Failed', file: relative(root, file), test: name });
  });
  const code = await closed;
  clearTimeout(timer);
  running.delete(child);
  const said = outcome as RunOutcome;
  return said.kind === 'Passed' && code !== 0 ? { kind: 'Failed', file: '', test: `exit code ${code}` } : said;
}

function end({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
