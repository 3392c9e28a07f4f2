/** The answer of a command: facts for programs, text for people, and whether something is wrong. */
import { writeYaml } from '../yaml/write.ts';
import { plain } from './colors.ts';
import { type Exit, exits } from './failure.ts';
import { printable, printableJson, printableLines } from './printable.ts';
import type { TableStyle } from './table.ts';

/** The output formats. */
export const formats = ['table', 'wide', 'json', 'yaml'] as const;

/** One of {@link formats}. */
export type Format = (typeof formats)[number];

/** An answer. Facts and text have the same content. */
export interface Answer<F = unknown> {
  /** Plain JSON. */
  readonly facts: F;
  /**
   * Text for people; it ends with a newline. `shown` are the facts with printable strings: the text is made from them, because other people
   * may have written the strings.
   */
  text(style: TableStyle, shown: F): string;
  /** `wrong` if the command found a problem. */
  readonly exit?: Exit;
}

/** Formats the answer for printing. Whatever the facts contain, the terminal gets printable characters and line ends. */
export function renderAnswer(answer: Answer, format: Format, style: Omit<TableStyle, 'wide'>): string {
  const { facts } = answer;
  if (format === 'json') return printableJson(`${JSON.stringify(facts, null, 2)}\n`);
  if (format === 'yaml') return printableJson(writeYaml(JSON.parse(JSON.stringify(facts))));
  const text = answer.text({ ...style, wide: format === 'wide' }, printable(facts));
  return printableLines(text, { colors: style.colors !== plain });
}

/** Returns the exit status of an answer. */
export function exitOf({ exit = exits.fine }: Answer): Exit {
  return exit;
}
