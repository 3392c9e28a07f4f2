/** The parts of a command. To add a command, write a file with a {@link CommandSpec} and add a line to commands.ts. */

import type { Session } from './cluster/session.ts';
import type { Answer } from './output/answer.ts';

/** An option of one command, in the terms of the library commander. */
export interface OptionSpec {
  /** Such as `--timeout <time>`. */
  readonly flags: string;
  readonly what: string;
  readonly byDefault?: string | boolean;
  /** Whether the option may be given more than once. */
  readonly many?: boolean;
  readonly choices?: readonly string[];
  readonly required?: boolean;
}

/** The arguments and options of one command, without the options of all commands. */
interface Given {
  readonly args: readonly string[];
  /** Values by option name; names are in camel case. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** Kinds of objects whose names the shell completes. */
export type CompletionKind = 'pool' | 'node' | 'vip' | 'service';

/** An argument of a command. */
interface ArgumentSpec {
  /** `<address>`, or `[address]` if the argument is optional. */
  readonly name: string;
  readonly what: string;
  readonly completes?: CompletionKind;
  readonly choices?: readonly string[];
}

/** One command. */
export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** A longer text than the summary, for `--help`. */
  readonly description?: string;
  readonly args?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  /** Complete command lines, and what each of them does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Runs the command. Throws a Failure if it cannot answer. */
  readonly run: (session: Session, given: Given) => Promise<Answer>;
}
