/** What a command of the tool is made of. A new one is a file with a {@link CommandSpec}, and a line in commands.ts. */

import type { Session } from './cluster/session.ts';
import type { Answer } from './output/answer.ts';

/** An option of one command, in commander's words. */
export interface OptionSpec {
  /** `--timeout <time>`. */
  readonly flags: string;
  readonly what: string;
  readonly byDefault?: string | boolean;
  /** It may be given more than once. */
  readonly many?: boolean;
  readonly choices?: readonly string[];
  readonly required?: boolean;
}

/** What was given on the command line besides the options of all commands. */
export interface Given {
  readonly args: readonly string[];
  /** By their names in camel case. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** Kinds of objects that shells complete. */
export type CompletionKind = 'pool' | 'node' | 'vip' | 'service';

/** An argument of a command. */
export interface ArgumentSpec {
  /** `<address>`, or `[address]` where it may be left out. */
  readonly name: string;
  readonly what: string;
  readonly completes?: CompletionKind;
  readonly choices?: readonly string[];
}

/** One command. */
export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** More than the summary, for `--help`. */
  readonly description?: string;
  readonly args?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** Whole command lines, and what they do. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Does the work. Throws a Failure where it cannot answer. */
  readonly run: (session: Session, given: Given) => Promise<Answer>;
}
