/** At a stage's end: the matrix of Services' promises, where those were tested. */
import { columnName, columns } from '../cluster/promises/column.ts';
import { type Cell, renderMatrix } from '../cluster/promises/matrix.ts';
import { suitePrefix } from '../cluster/promises/suites.ts';
import type { RunnerEvent } from './events.ts';

/** Passes all events on, and puts the matrix behind them. */
export async function* withMatrix(source: AsyncIterable<RunnerEvent>): AsyncGenerator<RunnerEvent> {
  const cells: Cell[] = [];
  // The tests of a suite come before the suite itself, file by file.
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
