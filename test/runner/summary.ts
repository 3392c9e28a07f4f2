/** The last part of the output: the seconds of each suite, the ten slowest files, the failures in brief, and the sum of all summaries of the runner. */
import { relative } from 'node:path';
import { Readable } from 'node:stream';
import { spec } from 'node:test/reporters';
import { sumOf } from './events.ts';
import type { StageResult } from './stage.ts';
import { timesPath } from './times.ts';

/** A stage that has ended. */
export interface Ended extends StageResult {
  readonly name: string;
  /** Milliseconds. */
  readonly took: number;
}

const slowest = 10;

/** Prints the last part of the output, in the format of Node's own reporter. */
export async function printSummary(stages: readonly Ended[], tookMs: number): Promise<void> {
  const files = stages.flatMap(({ durations }) => [...durations]).sort(([, a], [, b]) => b - a);
  console.log('\nSeconds by suite, and the slowest files:\n');
  for (const { name, took, counts } of stages) console.log(`${column(took)}  ${name}: ${counts.tests} tests`);
  console.log('');
  for (const [file, ms] of files.slice(0, slowest)) console.log(`${column(ms)}  ${relative('.', file)}`);
  console.log(`\nAll files: ${timesPath()}\n`);
  for (const { file, name, reason } of stages.flatMap(({ failures }) => failures)) {
    console.log(`Failed: ${relative('.', file)}: ${name}\n\n  ${reason.replaceAll('\n', '\n  ')}\n`);
  }
  const { tests, suites, passed, failed, cancelled, skipped, todo } = sumOf(stages.map(({ counts }) => counts));
  const lines = [
    ...[`tests ${tests}`, `suites ${suites}`, `pass ${passed}`, `fail ${failed}`],
    ...[`cancelled ${cancelled}`, `skipped ${skipped}`, `todo ${todo}`, `duration_ms ${Math.round(tookMs)}`],
  ];
  const events = lines.map((message) => {
    return { type: 'test:diagnostic', data: { nesting: 0, message, level: 'info' } };
  });
  for await (const text of Readable.from(events).pipe(new spec())) process.stdout.write(text);
}

function column(ms: number): string {
  return (ms / 1_000).toFixed(1).padStart(7);
}
