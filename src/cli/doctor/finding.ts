/** Findings of the doctor: each one has an id, a place, and a remedy. */

/** The severities. `unknown` means that the check could not run; the text says why. */
export const severities = ['error', 'warn', 'unknown', 'info', 'ok'] as const;

/** One of {@link severities}. */
export type Severity = (typeof severities)[number];

/** One finding. */
export interface Finding {
  /** The id of the check; docs/troubleshooting.md explains it. */
  readonly id: string;
  readonly severity: Severity;
  /** An object, a node, a link; empty for the cluster. */
  readonly where: string;
  readonly what: string;
  /** What to do; empty for nothing. */
  readonly todo: string;
}

/**
 * One check: a pure judgement of the facts. It always returns at least one finding, of severity `ok` if there
 * is no problem.
 */
export interface Check<F> {
  readonly id: string;
  readonly judge: (facts: F) => readonly Found[];
}

/** A finding without the id of its check. */
export type Found = Omit<Finding, 'id' | 'todo' | 'where'> & Partial<Pick<Finding, 'where' | 'todo'>>;

/** Makes a finding that there is no problem. */
export function ok(what: string): readonly Found[] {
  return [{ severity: 'ok', what }];
}

/** Makes a finding that the check could not run. */
export function unknown(why: string, where = ''): readonly Found[] {
  return [{ severity: 'unknown', where, what: why }];
}

/** Returns the findings, or one that there is no problem. */
export function orOk(found: readonly Found[], what: string): readonly Found[] {
  return found.length > 0 ? found : ok(what);
}

/** Runs all checks. The worst findings come first; within a severity the order is that of the checks. */
export function examine<F>(checks: readonly Check<F>[], facts: F): readonly Finding[] {
  const found = checks.flatMap(({ id, judge }) =>
    judge(facts).map((one): Finding => ({ where: '', todo: '', ...one, id })),
  );
  const rank = ({ severity }: Finding) => severities.indexOf(severity);
  return found.sort((a, b) => rank(a) - rank(b));
}

/** Shortens a list of names: `a, b and 3 more`. */
export function few(names: readonly string[], most = 4): string {
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(', ')} and ${rest} more` : names.join(', ');
}
