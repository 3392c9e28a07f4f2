/** The runner's own report, and before its summary the matrix of Services' promises, where those were tested. */
import { Readable } from 'node:stream';
import { spec } from 'node:test/reporters';
import { columnName, columns } from './cluster/promises/column.ts';
import { type Cell, renderMatrix } from './cluster/promises/matrix.ts';
import { suitePrefix } from './cluster/promises/suites.ts';

/** An event of the runner, as much of it as is read here. */
interface RunnerEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly nesting?: number;
    readonly file?: string;
    readonly message?: string;
    readonly skip?: string | boolean;
    readonly details?: { readonly error?: { readonly failureType?: string } };
  };
}

/** What the runner calls: it takes its events and gives what is to be printed. */
async function* reporter(source: AsyncIterable<RunnerEvent>): AsyncGenerator<string> {
  yield* Readable.from(withMatrix(source)).pipe(new spec());
}

// biome-ignore lint/style/noDefaultExport: it is by its default export that the runner finds a reporter.
export default reporter;

/** Passes all events on, and puts the matrix before the summary. */
async function* withMatrix(source: AsyncIterable<RunnerEvent>): AsyncGenerator<RunnerEvent> {
  const cells: Cell[] = [];
  // A suite's tests are told before the suite itself, file by file.
  let open: Omit<Cell, 'column'>[] = [];
  for await (const event of source) {
    const { type, data } = event;
    const { name = '', nesting, message = '' } = data;
    if (type === 'test:pass' || type === 'test:fail') {
      if (nesting === 1) open.push({ row: name, result: resultOf(event) });
      if (nesting === 0) {
        const column = name.startsWith(suitePrefix) ? name.slice(suitePrefix.length) : undefined;
        if (column !== undefined) cells.push(...open.map((cell) => ({ ...cell, column })));
        open = [];
      }
    }
    const isSummary = type === 'test:diagnostic' && nesting === 0 && /^tests \d+$/.test(message);
    if (isSummary && cells.length > 0) {
      yield {
        type: 'test:stdout',
        data: { file: data.file ?? '', message: `\n${renderMatrix(cells.splice(0), columns.map(columnName))}\n` },
      };
    }
    yield event;
  }
}

function resultOf({ type, data }: RunnerEvent): string {
  if (typeof data.skip === 'string') return data.skip;
  if (data.details?.error?.failureType === 'cancelledByParent') return 'not run';
  return type === 'test:pass' ? 'pass' : 'FAIL';
}
