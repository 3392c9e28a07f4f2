/** Prints the failover bench's results as tables. */
import type { Findings, Second } from '../probe/findings.ts';
import type { Survival } from './failover-connections.ts';
import type { FailoverEvent } from './failover-events.ts';
import { machineLine } from './machine.ts';

/** One run of one event. */
export interface Run {
  readonly found: Findings;
  /** How long it took to make the event. */
  readonly madeMs: number;
  readonly echoes: {
    readonly alive: number;
    readonly of: number;
    readonly broken: Readonly<Record<string, number>>;
    readonly longestPauseMs: number;
    readonly survival: Survival;
  };
  /** The load average of the last minute, at the end of the run. */
  readonly load: number;
}

/** All runs of an event. */
export interface EventRuns {
  readonly event: FailoverEvent;
  readonly runs: readonly Run[];
}

const sumSeconds = 10;

/** Describes one run in a line. */
export function runLine({ found, echoes }: Run): string {
  const { outageMs, arpGapMs, twoMacsMs, total, macs, outcomes, absentMs } = found;
  const words = Object.entries(outcomes).map(([outcome, count]) => `, ${outcome} ${count}`);
  return [
    `outage ${outageMs.toFixed(0)} ms`,
    `no ARP answer for ${arpGapMs.toFixed(0)} ms`,
    `two MACs for ${twoMacsMs} ms`,
    `${total.failed} failed and ${total.slow} slow of ${total.attempts}${words.join('')}`,
    `${movesOf(macs)} moves`,
    `${echoes.alive} of ${echoes.of} connections alive ${JSON.stringify(echoes.broken)}`,
    `untouched ${echoes.survival.untouchedAlive} of ${echoes.survival.untouched} through ${JSON.stringify(echoes.survival.through)}`,
    ...echoes.survival.lost.map((one) => `lost ${one}`),
    ...(absentMs > 0 ? [`prober itself absent for ${absentMs.toFixed(0)} ms`] : []),
  ].join(', ');
}

/** Prints all results. */
export function printFailover(
  all: readonly EventRuns[],
  load: { readonly before: readonly number[]; readonly after: readonly number[] },
  served: string,
): void {
  console.log(machineLine());
  console.log(served);
  console.log(`load averages: ${oneDigit(load.before)} before, ${oneDigit(load.after)} after`);
  console.table(Object.fromEntries(all.map(({ event, runs }) => [event.what, summaryOf(event, runs)])));
  for (const { event, runs } of all.filter(({ event }) => event.watchMs >= 2 * sumSeconds * 1_000 && event.moves)) {
    console.log(`${event.what}: attempts per ${sumSeconds} s, mean of ${runs.length} runs`);
    console.table(tableOfSeconds(runs));
  }
}

function summaryOf({ moves, harmless }: FailoverEvent, runs: readonly Run[]) {
  const found = runs.map((run) => run.found);
  const counts = (pick: (one: Findings) => number) => medianAndMost(found.map(pick));
  const moved = found.map(({ macs }) => movesOf(macs));
  const total = (pick: (of: Survival) => number) => sum(runs.map(({ echoes }) => pick(echoes.survival)));
  const asExpected = runs.filter(
    (run, i) => (moved[i] ?? 0) === Number(moves) && (!harmless || run.found.total.failed + run.found.total.slow === 0),
  );
  return {
    runs: runs.length,
    'outage, ms': counts(({ outageMs }) => outageMs),
    'no ARP answer, ms': counts(({ arpGapMs }) => arpGapMs),
    'two MACs, ms': counts(({ twoMacsMs }) => twoMacsMs),
    attempts: sum(found.map(({ total }) => total.attempts)),
    failed: sum(found.map(({ total }) => total.failed)),
    slow: sum(found.map(({ total }) => total.slow)),
    moves: sum(moved),
    'connections alive': `${sum(runs.map(({ echoes }) => echoes.alive))} of ${sum(runs.map(({ echoes }) => echoes.of))}`,
    'untouched ones alive': `${total((of) => of.untouchedAlive)} of ${total((of) => of.untouched)}`,
    'prober absent, ms': Math.max(...found.map(({ absentMs }) => absentMs)).toFixed(0),
    'as promised': `${asExpected.length} of ${runs.length}`,
  };
}

function tableOfSeconds(runs: readonly Run[]) {
  const length = Math.floor(Math.min(...runs.map(({ found }) => found.seconds.length)) / sumSeconds);
  const rows = Array.from({ length }, (_, i) => {
    const here = runs.flatMap(({ found }) => found.seconds.slice(i * sumSeconds, (i + 1) * sumSeconds));
    const mean = (pick: (second: Second) => number) => (sum(here.map(pick)) / runs.length).toFixed(1);
    const row = {
      attempts: mean((s) => s.attempts),
      failed: mean((s) => s.failed),
      slow: mean((s) => s.slow),
      'failed or slow, %': ((100 * sum(here.map((s) => s.failed + s.slow))) / sum(here.map((s) => s.attempts))).toFixed(
        1,
      ),
    };
    return [`${i * sumSeconds} to ${(i + 1) * sumSeconds} s`, row] as const;
  });
  return Object.fromEntries(rows);
}

function movesOf(macs: readonly string[]): number {
  return Math.max(0, macs.length - 1);
}

function medianAndMost(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return `${(sorted[Math.floor(sorted.length / 2)] ?? Number.NaN).toFixed(0)}; ${(sorted.at(-1) ?? Number.NaN).toFixed(0)}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function oneDigit(values: readonly number[]): string {
  return values.map((value) => value.toFixed(1)).join(' ');
}
