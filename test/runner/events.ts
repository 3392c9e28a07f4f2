/** The events of Node's test runner, with the fields that are read here (nodejs.org/api/test.html#class-testsstream). */

/** The number of tests by result. */
export interface Counts {
  readonly tests: number;
  readonly suites: number;
  readonly passed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly skipped: number;
  readonly todo: number;
}

/** One event. */
export interface RunnerEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly nesting?: number;
    readonly level?: string;
    readonly file?: string;
    readonly message?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: { readonly error?: { readonly failureType?: string; readonly cause?: unknown } };
    /** Only in a summary: the counts of one file, or of all files if there is no `file`. */
    readonly counts?: Counts;
    /** Only in a summary, in milliseconds. */
    readonly duration_ms?: number;
  };
}

/** Enough for the first differences between two objects. */
const reasonLines = 12;

/** A test that failed. */
export interface Failure {
  readonly file: string;
  readonly name: string;
  /** The first lines of the error's message. */
  readonly reason: string;
}

/** The failure that an event reports, if any. A suite whose tests failed is none of its own, nor is a failure that is expected. */
export function failureOf({ type, data }: RunnerEvent): Failure | undefined {
  const { name = '', file = '', details: { error } = {}, todo } = data;
  if (type !== 'test:fail' || error?.failureType === 'subtestsFailed' || todo) return undefined;
  const { cause } = error ?? {};
  const lines = (cause instanceof Error ? cause.message : String(cause)).split('\n');
  return { file, name, reason: lines.slice(0, reasonLines).join('\n') };
}

/** The sum of the counts of several runs. */
export function sumOf(all: readonly Counts[]): Counts {
  const total = (key: keyof Counts) => all.reduce((sum, counts) => sum + counts[key], 0);
  return {
    ...{ tests: total('tests'), suites: total('suites'), passed: total('passed'), failed: total('failed') },
    ...{ cancelled: total('cancelled'), skipped: total('skipped'), todo: total('todo') },
  };
}

const summaryLine = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

/** Is the event a line of the runner's own summary? */
export function isSummaryLine({ type, data }: RunnerEvent): boolean {
  return type === 'test:diagnostic' && data.nesting === 0 && summaryLine.test(data.message ?? '');
}
