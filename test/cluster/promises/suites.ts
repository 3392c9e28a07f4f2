/** How the suites of the promises are told from others. */

/** What their names begin with; the column follows. */
export const suitePrefix = 'Services: ';
