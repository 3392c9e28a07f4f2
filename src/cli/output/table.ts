/** Tables in kubectl's form: each column is as wide as its widest cell, with three spaces between columns. */
import { type Colors, widthOf } from './colors.ts';

/** One column of rows of type R. */
export interface Column<R> {
  readonly title: string;
  readonly cell: (row: R, colors: Colors) => string;
  /** Whether the column is shown with `-o wide` only. */
  readonly wide?: boolean;
}

/** How to print a table. */
export interface TableStyle {
  readonly colors: Colors;
  readonly wide: boolean;
}

/** Formats a table; every line ends with a newline. Without rows, the result is the line `empty`. */
export function renderTable<R>(
  rows: readonly R[],
  columns: readonly Column<R>[],
  { colors, wide, empty = 'nothing' }: TableStyle & { readonly empty?: string },
): string {
  if (rows.length === 0) return `${empty}\n`;
  const shown = columns.filter((column) => wide || !column.wide);
  const lines = [
    shown.map(({ title }) => title),
    ...rows.map((row) => shown.map(({ cell }) => cell(row, colors) || '-')),
  ];
  const widths = shown.map((_, i) => Math.max(...lines.map((line) => widthOf(line[i] ?? ''))));
  return lines
    .map(
      (line) =>
        `${line
          .map((text, i) => pad(text, widths[i] ?? 0))
          .join('   ')
          .trimEnd()}\n`,
    )
    .join('');
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(width - widthOf(text));
}

/** Formats a time span in the form of kubectl's ages: `5s`, `3m20s`, `7h`, `2d4h`. */
export function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3_600), Math.floor(seconds / 86_400)];
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return withRest(`${minutes}m`, seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return withRest(`${hours}h`, minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  return days < 8 ? withRest(`${days}d`, hours % 24, 'h') : `${days}d`;
}

function withRest(whole: string, rest: number, unit: string): string {
  return rest === 0 ? whole : `${whole}${rest}${unit}`;
}
