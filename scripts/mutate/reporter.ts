/** Writes a line for every test that fails, and nothing else: the first one is enough to end the run. */

interface RunnerEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    /** Where the test is declared, which may be a file that others share. */
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

/** What the runner calls: it takes its events and gives what is to be printed. */
async function* reporter(source: AsyncIterable<RunnerEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if (type !== 'test:fail') continue;
    const failed: FailedTest = { file: data.entryFile ?? data.file ?? '', name: data.name ?? '' };
    yield `${JSON.stringify(failed)}\n`;
  }
}

// biome-ignore lint/style/noDefaultExport: it is by its default export that the runner finds a reporter.
export default reporter;
