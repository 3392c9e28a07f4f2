/** How a command fails: with one sentence, a hint on what to do, and an exit status that scripts can test. */

/** The exit statuses of the program. */
export const exits = {
  fine: 0,
  /** The command found a problem. */
  wrong: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The cluster could not be read. */
  unreachable: 3,
} as const;

/** One of {@link exits}. */
export type Exit = (typeof exits)[keyof typeof exits];

/** An error that ends a command. `hint` says what to do. */
export class Failure extends Error {
  readonly exit: Exit;
  readonly hint: string | undefined;

  constructor(exit: Exit, message: string, hint?: string) {
    super(message);
    this.exit = exit;
    this.hint = hint;
  }
}

/** The API server answered, and refused a request because of the user's permissions. */
export class Forbidden extends Failure {}

/** Makes a Failure for an object that does not exist, or for a change that is not possible. */
export function wrong(message: string, hint?: string): Failure {
  return new Failure(exits.wrong, message, hint);
}

/** Makes a Failure for a wrong command line. */
export function misused(message: string, hint?: string): Failure {
  return new Failure(exits.usage, message, hint);
}
