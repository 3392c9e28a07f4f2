/** All checks of the doctor. Findings of one severity are printed in this order. */
import type { Facts } from './facts.ts';
import type { Check } from './finding.ts';
import { implementationChecks } from './implementation-checks.ts';
import { installationChecks } from './installation-checks.ts';
import { linkChecks } from './link-checks.ts';
import { nodeChecks } from './node-checks.ts';
import { objectChecks } from './object-checks.ts';
import { poolChecks } from './pool-checks.ts';

/** All checks. */
export const checks: readonly Check<Facts>[] = [
  ...installationChecks,
  ...objectChecks,
  ...implementationChecks,
  ...poolChecks,
  ...nodeChecks,
  ...linkChecks,
];

/** The id of each check. */
export const checkIds: readonly string[] = checks.map(({ id }) => id);
