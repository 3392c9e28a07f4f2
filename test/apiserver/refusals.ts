/** How the API server refuses a request: with a `meta/v1` Status. */

/** An answer: HTTP status and body. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** One cause of a refusal. */
export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

/** A refusal. The store catches it, and returns its answer. */
export class Refusal extends Error {
  readonly answer: ApiAnswer;

  constructor(code: number, reason: string, { message, causes }: { message: string; causes?: readonly Cause[] }) {
    super(message);
    this.answer = { status: code, body: statusBody(code, reason, { message, ...(causes && { causes }) }) };
  }
}

/** The body of a refusal. */
export function statusBody(
  code: number,
  reason: string,
  { message, causes }: { message: string; causes?: readonly Cause[] },
) {
  const details = causes && { details: { causes } };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, ...details, code };
}

/** There is no such object. */
export function notFound(what: string): Refusal {
  return new Refusal(404, 'NotFound', { message: `${what} not found` });
}

/** The object already exists. */
export function alreadyExists(what: string): Refusal {
  return new Refusal(409, 'AlreadyExists', { message: `${what} already exists` });
}

/** The request names another uid or another version of the object. */
export function conflict(what: string, why = 'the object has been modified'): Refusal {
  return new Refusal(409, 'Conflict', { message: `Operation cannot be fulfilled on ${what}: ${why}` });
}

/** Other managers own fields that an apply would change. */
export function applyConflict(causes: readonly Cause[]): Refusal {
  const message = `Apply failed with ${causes.length} conflicts: ${causes.map((cause) => cause.message).join(', ')}`;
  return new Refusal(409, 'Conflict', { message, causes });
}

/** The object violates a rule of its kind. */
export function invalid(what: string, problems: readonly string[]): Refusal {
  const causes = problems.map((message) => ({ reason: 'FieldValueInvalid', message }));
  return new Refusal(422, 'Invalid', { message: `${what} is invalid: ${problems.join('; ')}`, causes });
}

/** The request is malformed. */
export function badRequest(message: string): Refusal {
  return new Refusal(400, 'BadRequest', { message });
}

/** The version is older than the changes that the API server remembers. */
export function expired(version: number, oldest: number): Refusal {
  return new Refusal(410, 'Expired', { message: `too old resource version: ${version} (${oldest})` });
}
