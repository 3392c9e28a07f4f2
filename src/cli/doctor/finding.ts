/** What the doctor finds: each finding has one word, says where, and what to do. */

/** `unknown`: it could not be looked at, and the text says why. */
export const severities = ['error', 'warn', 'unknown', 'info', 'ok'] as const;

/** One of {@link severities}. */
export type Severity = (typeof severities)[number];

/** One finding. */
export interface Finding {
  /** Which check; see docs/troubleshooting.md. */
  readonly id: string;
  readonly severity: Severity;
  /** An object, a node, a link; empty for the cluster. */
  readonly where: string;
  readonly what: string;
  /** What to do; empty for nothing. */
  readonly todo: string;
}

/** One check: a pure judgement of what is known. It finds something in any case, if only that all is well. */
export interface Check<F> {
  readonly id: string;
  readonly judge: (facts: F) => readonly Found[];
}

/** A finding before it is known which check it is of. */
export type Found = Omit<Finding, 'id' | 'todo' | 'where'> & Partial<Pick<Finding, 'where' | 'todo'>>;

/** Nothing is wrong. */
export function ok(what: string): readonly Found[] {
  return [{ severity: 'ok', what }];
}

/** It could not be looked at. */
export function unknown(why: string, where = ''): readonly Found[] {
  return [{ severity: 'unknown', where, what: why }];
}

/** What was found, or that all is well. */
export function orOk(found: readonly Found[], what: string): readonly Found[] {
  return found.length > 0 ? found : ok(what);
}

/** Carries out all checks: the worst first, then in the order of the checks. */
export function examine<F>(checks: readonly Check<F>[], facts: F): readonly Finding[] {
  const found = checks.flatMap(({ id, judge }) =>
    judge(facts).map((one): Finding => ({ where: '', todo: '', ...one, id })),
  );
  const rank = ({ severity }: Finding) => severities.indexOf(severity);
  return found.sort((a, b) => rank(a) - rank(b));
}

/** `a, b and 3 more`. */
export function few(names: readonly string[], most = 4): string {
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(', ')} and ${rest} more` : names.join(', ');
}
