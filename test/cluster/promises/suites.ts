/** How the suites of the promises differ from other suites. */

/** The prefix of their names; the name of the column follows. */
export const suitePrefix = 'Services: ';
