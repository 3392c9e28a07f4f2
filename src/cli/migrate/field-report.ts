/** The field report of a migration: the result for every field of every object. */

/**
 * `Carried`: unchanged. `Adapted`: in another form, or with a difference that the text names. `NotCarried`:
 * Berth has no equivalent. `NotNeeded`: Berth works without it.
 */
type FieldFate = 'Carried' | 'Adapted' | 'NotCarried' | 'NotNeeded';

/** One line of the report. */
export interface FieldRow {
  /** The object, as `Kind namespace/name`. */
  readonly object: string;
  /** The path in the object; empty for the whole object. */
  readonly field: string;
  readonly fate: FieldFate;
  /** The result, or why there is none. */
  readonly as: string;
  /** What the user should do; undefined for nothing. */
  readonly todo?: string;
}

/** Collects the rows of one object. */
export class FieldReport {
  readonly rows: FieldRow[] = [];
  readonly #object: string;

  constructor(object: string) {
    this.#object = object;
  }

  carried(field: string, as: string, todo?: string): void {
    this.#add('Carried', field, { as, todo });
  }

  adapted(field: string, as: string, todo?: string): void {
    this.#add('Adapted', field, { as, todo });
  }

  notCarried(field: string, as: string, todo?: string): void {
    this.#add('NotCarried', field, { as, todo });
  }

  notNeeded(field: string, as: string): void {
    this.#add('NotNeeded', field, { as, todo: undefined });
  }

  /** Reports fields that the migration does not know: from a newer version, or misspelt. */
  unknown(spec: Readonly<Record<string, unknown>>, known: readonly string[]): void {
    for (const field of Object.keys(spec).filter((name) => !known.includes(name))) {
      this.notCarried(
        `spec.${field}`,
        'this version of Berth does not know the field',
        "see MetalLB's documentation of the field",
      );
    }
  }

  #add(fate: FieldFate, field: string, { as, todo }: { readonly as: string; readonly todo: string | undefined }): void {
    this.rows.push({ object: this.#object, field, fate, as, ...(todo !== undefined && { todo }) });
  }
}

const headings: Readonly<Record<FieldFate, string>> = {
  NotCarried: 'Not carried over: Berth has no equivalent',
  Adapted: 'Carried over with a difference',
  Carried: 'Carried over unchanged',
  NotNeeded: 'Not needed any more',
};

/** Formats the report for people. Rows that need attention come first. */
export function renderFieldReport(rows: readonly FieldRow[]): string {
  const parts = (Object.keys(headings) as FieldFate[]).flatMap((fate) => {
    const some = rows.filter((row) => row.fate === fate);
    return some.length === 0
      ? []
      : [[`${headings[fate]} (${some.length})`, ...some.map((row) => `  ${line(row)}`)].join('\n')];
  });
  return `${parts.join('\n\n')}\n`;
}

function line({ object, field, as, todo }: FieldRow): string {
  const what = `${object}${field === '' ? '' : `, ${field}`}: ${as}`;
  return todo === undefined ? what : `${what}\n      -> ${todo}`;
}
