/**
 * A reporter of the test runner that writes one line for every test that fails. The first line is enough to
 * end the run.
 */

interface RunnerEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    /** The file that declares the test. Several test files may share it. */
    readonly file?: string;
    /** The file that was run. */
    readonly entryFile?: string;
  };
}

/** A test that failed. */
export interface FailedTest {
  readonly file: string;
  readonly name: string;
}

/** The runner passes its events to this function, and prints the strings that it yields. */
async function* reporter(source: AsyncIterable<RunnerEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if (type !== 'test:fail') continue;
    const failed: FailedTest = { file: data.entryFile ?? data.file ?? '', name: data.name ?? '' };
    yield `${JSON.stringify(failed)}\n`;
  }
}

// biome-ignore lint/style/noDefaultExport: the runner loads the default export of a reporter.
export default reporter;
