/** What a command answers: facts for programs, text for people, and whether something is wrong. */
import { stringify } from 'yaml';
import { type Exit, exits } from './failure.ts';
import type { TableStyle } from './table.ts';

/** The forms of an answer. */
export const formats = ['table', 'wide', 'json', 'yaml'] as const;

/** One of {@link formats}. */
export type Format = (typeof formats)[number];

/** An answer. Both forms say the same. */
export interface Answer {
  /** Plain JSON. */
  readonly facts: unknown;
  /** For people; ends with a newline. */
  readonly text: (style: TableStyle) => string;
  /** `wrong` where what was asked about is not as it should be. */
  readonly exit?: Exit;
}

/** The answer as it is printed. */
export function renderAnswer({ facts, text }: Answer, format: Format, style: Omit<TableStyle, 'wide'>): string {
  if (format === 'json') return `${JSON.stringify(facts, null, 2)}\n`;
  if (format === 'yaml') return stringify(JSON.parse(JSON.stringify(facts)), { lineWidth: 0 });
  return text({ ...style, wide: format === 'wide' });
}

/** The status that a command ends with. */
export function exitOf({ exit = exits.fine }: Answer): Exit {
  return exit;
}
