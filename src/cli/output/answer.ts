/** The answer of a command: facts for programs, text for people, and whether something is wrong. */
import { stringify } from 'yaml';
import { type Exit, exits } from './failure.ts';
import type { TableStyle } from './table.ts';

/** The output formats. */
export const formats = ['table', 'wide', 'json', 'yaml'] as const;

/** One of {@link formats}. */
export type Format = (typeof formats)[number];

/** An answer. Facts and text have the same content. */
export interface Answer {
  /** Plain JSON. */
  readonly facts: unknown;
  /** Text for people; it ends with a newline. */
  readonly text: (style: TableStyle) => string;
  /** `wrong` if the command found a problem. */
  readonly exit?: Exit;
}

/** Formats the answer for printing. */
export function renderAnswer({ facts, text }: Answer, format: Format, style: Omit<TableStyle, 'wide'>): string {
  if (format === 'json') return `${JSON.stringify(facts, null, 2)}\n`;
  if (format === 'yaml') return stringify(JSON.parse(JSON.stringify(facts)), { lineWidth: 0 });
  return text({ ...style, wide: format === 'wide' });
}

/** Returns the exit status of an answer. */
export function exitOf({ exit = exits.fine }: Answer): Exit {
  return exit;
}
