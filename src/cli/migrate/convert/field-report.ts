/** The field report of a migration: the result for every field of every object. */

/**
 * `Unread`: its form is not understood, so its object is not carried over. `NotCarried`: Berth has no equivalent. `Adapted`: in another
 * form, or with a difference that the text names. `Carried`: unchanged. `NotNeeded`: Berth works without it.
 */
type FieldFate = 'Unread' | 'NotCarried' | 'Adapted' | 'Carried' | 'NotNeeded';

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

  #isUnread = false;

  /** Whether the object must not be carried over, because a part of it was not understood. */
  get isUnread(): boolean {
    return this.#isUnread;
  }

  unread(field: string, as: string, todo: string): void {
    this.#isUnread = true;
    this.unreadEntry(field, as, todo);
  }

  /** Reports an entry of a list that was not understood; the object is carried over without it. */
  unreadEntry(field: string, as: string, todo: string): void {
    this.#add('Unread', field, { as, todo });
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

  #add(fate: FieldFate, field: string, { as, todo }: { readonly as: string; readonly todo: string | undefined }): void {
    this.rows.push({ object: this.#object, field, fate, as, ...(todo !== undefined && { todo }) });
  }
}

const headings: Readonly<Record<FieldFate, string>> = {
  Unread: 'NOT UNDERSTOOD, so not carried over',
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
