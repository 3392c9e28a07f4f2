/** The matrix at the end of a run of the tests: which promise is kept in which column. */

/** The result of one row in one column. */
export interface Cell {
  readonly row: string;
  readonly column: string;
  /** `pass`, `FAIL`, `not run`, or the reason why the row cannot apply. */
  readonly result: string;
}

/**
 * The matrix as text, with rows and columns in the order of the first cells that name them. Below it are the reasons, by number, and the
 * columns of `all` that were not run.
 */
export function renderMatrix(cells: readonly Cell[], all: readonly string[] = []): string {
  const rows = unique(cells.map(({ row }) => row));
  const columns = unique(cells.map(({ column }) => column));
  const reasons = unique(cells.map(({ result }) => result).filter((result) => !isVerdict(result)));
  const text = (row: string, column: string) => {
    const result = cells.find((cell) => cell.row === row && cell.column === column)?.result ?? '-';
    return isVerdict(result) ? result : `no (${reasons.indexOf(result) + 1})`;
  };
  const lines = [['Services', ...columns], ...rows.map((row) => [row, ...columns.map((column) => text(row, column))])];
  const widths = ['', ...columns].map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const table = lines.map((line) =>
    line
      .map((word, i) => word.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const others = all.filter((column) => !columns.includes(column));
  const notes = [
    ...reasons.map((reason, i) => `(${i + 1}) ${reason}`),
    ...(others.length === 0 ? [] : [`Columns that were not run: ${others.join(', ')}.`]),
  ];
  return [...table, ...notes].map((line) => `${line}\n`).join('');
}

function isVerdict(result: string): boolean {
  return ['pass', 'FAIL', 'not run', '-'].includes(result);
}

function unique(words: readonly string[]): readonly string[] {
  return [...new Set(words)];
}
