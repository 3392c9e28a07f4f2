/** Prints the matrix of the promises about Services at the end of a stage that tested them. */
import { columnName, columns } from '../cluster/promises/column.ts';
import { type Cell, renderMatrix } from '../cluster/promises/matrix.ts';
import { suitePrefix } from '../cluster/promises/suites.ts';
import type { RunnerEvent } from './events.ts';

/** Yields all events, and then the matrix. */
export async function* withMatrix(source: AsyncIterable<RunnerEvent>): AsyncGenerator<RunnerEvent> {
  const cells: Cell[] = [];
  // The events of a suite's tests come before the event of the suite itself. Files do not mix.
  let open: Omit<Cell, 'column'>[] = [];
  for await (const event of source) {
    const { type, data } = event;
    const { name = '', nesting } = data;
    if (type === 'test:pass' || type === 'test:fail') {
      if (nesting === 1) open.push({ row: name, result: resultOf(event) });
      if (nesting === 0) {
        const column = name.startsWith(suitePrefix) ? name.slice(suitePrefix.length) : undefined;
        if (column !== undefined) cells.push(...open.map((cell) => ({ ...cell, column })));
        open = [];
      }
    }
    yield event;
  }
  if (cells.length === 0) return;
  yield { type: 'test:stdout', data: { file: '', message: `\n${renderMatrix(cells, columns.map(columnName))}\n` } };
}

function resultOf({ type, data }: RunnerEvent): string {
  if (typeof data.skip === 'string') return data.skip;
  if (data.details?.error?.failureType === 'cancelledByParent') return 'not run';
  return type === 'test:pass' ? 'pass' : 'FAIL';
}
