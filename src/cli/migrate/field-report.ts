/** The fate report: what became of every field of what was migrated. */

/** `Carried`: as it was. `Adapted`: in another form, or with a difference that the text names. `NotCarried`: Berth has nothing like it. `NotNeeded`: Berth does without. */
export type FieldFate = 'Carried' | 'Adapted' | 'NotCarried' | 'NotNeeded';

/** One line of the report. */
export interface FieldRow {
  /** `Kind namespace/name`. */
  readonly object: string;
  /** Path in the object; empty for the object as a whole. */
  readonly field: string;
  readonly fate: FieldFate;
  /** What it became, or why it became nothing. */
  readonly as: string;
  /** What a person should do; undefined for nothing. */
  readonly todo?: string;
}

/** Takes down what becomes of the fields of one object. */
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

  /** Fields that nobody has looked at: of a newer version, or misspelt. */
  unknown(spec: Readonly<Record<string, unknown>>, known: readonly string[]): void {
    for (const field of Object.keys(spec).filter((name) => !known.includes(name))) {
      this.notCarried(
        `spec.${field}`,
        'this version of Berth does not know the field',
        'look it up in its documentation',
      );
    }
  }

  #add(fate: FieldFate, field: string, { as, todo }: { readonly as: string; readonly todo: string | undefined }): void {
    this.rows.push({ object: this.#object, field, fate, as, ...(todo !== undefined && { todo }) });
  }
}

const headings: Readonly<Record<FieldFate, string>> = {
  NotCarried: 'Not carried: Berth has nothing like it',
  Adapted: 'Carried with a difference',
  Carried: 'Carried as it was',
  NotNeeded: 'Not needed any more',
};

/** The report for people: what needs them first. */
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
