/** How a command ends that cannot answer: in one sentence, with what to do, and a status that scripts can tell apart. */

/** The statuses of the program. */
export const exits = {
  fine: 0,
  /** Something is wrong with what was asked about. */
  wrong: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** The cluster could not be asked. */
  unreachable: 3,
} as const;

/** One of {@link exits}. */
export type Exit = (typeof exits)[keyof typeof exits];

/** Ends a command. `hint` says what to do. */
export class Failure extends Error {
  readonly exit: Exit;
  readonly hint: string | undefined;

  constructor(exit: Exit, message: string, hint?: string) {
    super(message);
    this.exit = exit;
    this.hint = hint;
  }
}

/** The API server answers, and refuses this person something. */
export class Forbidden extends Failure {}

/** What was named is not there, or cannot be done. */
export function wrong(message: string, hint?: string): Failure {
  return new Failure(exits.wrong, message, hint);
}

/** The command line makes no sense. */
export function misused(message: string, hint?: string): Failure {
  return new Failure(exits.usage, message, hint);
}
