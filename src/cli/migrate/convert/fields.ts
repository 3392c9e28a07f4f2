/** Reads the fields of an unchecked object. Every field has a line in the report: a field that cannot be read is reported, not dropped. */
import type { LabelSelector } from '../../../api/meta.ts';
import { brief } from '../../../api/text.ts';
import type { FieldReport } from './field-report.ts';
import { isMap } from './manifest.ts';

/**
 * The fields of one mapping. `null` means that a field is not set, as for the API server. A field in a form that MetalLB would not
 * accept either becomes a row `Unread`: its object must not be carried over without it, because the field may be a limit.
 */
export class Fields {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #at: string;
  readonly #notes: FieldReport;
  readonly #known = new Set<string>();

  /** `at` is the path of the mapping in its object. */
  constructor(value: unknown, at: string, notes: FieldReport) {
    this.#at = at;
    this.#notes = notes;
    this.#fields = isMap(value) ? value : {};
    if (value !== undefined && value !== null && !isMap(value)) this.#unread(at, value, 'a mapping');
  }

  boolean(name: string): boolean | undefined {
    return this.#read(name, 'true or false', (value) => typeof value === 'boolean');
  }

  integer(name: string): number | undefined {
    return this.#read(name, 'an integer', (value): value is number => Number.isInteger(value));
  }

  text(name: string): string | undefined {
    return this.#read(name, 'a text', (value) => typeof value === 'string');
  }

  texts(name: string): readonly string[] {
    return this.#read(name, 'a list of texts', isTexts) ?? [];
  }

  /** A list whose elements are read, and reported, one by one. */
  list(name: string): readonly unknown[] {
    return this.#read(name, 'a list', (value) => Array.isArray(value)) ?? [];
  }

  selectors(name: string): readonly LabelSelector[] {
    const what = 'a list of label selectors (matchLabels, matchExpressions)';
    return (
      this.#read(name, what, (value): value is LabelSelector[] => Array.isArray(value) && value.every(isSelector)) ?? []
    );
  }

  map(name: string): Fields | undefined {
    this.#known.add(name);
    const value = this.#fields[name];
    return value === undefined || value === null ? undefined : new Fields(value, this.#path(name), this.#notes);
  }

  /** Whether the field is set. It counts as known. */
  has(name: string): boolean {
    this.#known.add(name);
    return this.#fields[name] !== undefined && this.#fields[name] !== null;
  }

  /** Reports the fields that nothing has asked for: from a newer version, or misspelt. Call it last. */
  reportUnknown(): void {
    for (const name of Object.keys(this.#fields).filter((one) => !this.#known.has(one))) {
      this.#notes.notCarried(
        this.#path(name),
        'this version of Berth does not know the field',
        "see MetalLB's documentation of the field; check the spelling and the indentation",
      );
    }
  }

  #path(name: string): string {
    return this.#at === '' ? name : `${this.#at}.${name}`;
  }

  #read<T>(name: string, what: string, is: (value: unknown) => value is T): T | undefined {
    this.#known.add(name);
    const value = this.#fields[name];
    if (value === undefined || value === null) return undefined;
    if (is(value)) return value;
    this.#unread(this.#path(name), value, what);
    return undefined;
  }

  #unread(path: string, value: unknown, what: string): void {
    this.#notes.unread(path, `${brief(JSON.stringify(value))} is not ${what}`, 'correct the field');
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isSelector(value: unknown): value is LabelSelector {
  if (!isMap(value)) return false;
  const { matchLabels, matchExpressions, ...others } = value;
  return (
    Object.keys(others).length === 0 &&
    (isAbsent(matchLabels) || (isMap(matchLabels) && isTexts(Object.values(matchLabels)))) &&
    (isAbsent(matchExpressions) || (Array.isArray(matchExpressions) && matchExpressions.every(isExpression)))
  );
}

const operators: readonly unknown[] = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

function isExpression(value: unknown): boolean {
  if (!isMap(value)) return false;
  const { key, operator, values, ...others } = value;
  const isKnown = Object.keys(others).length === 0 && operators.includes(operator);
  return isKnown && typeof key === 'string' && (isAbsent(values) || isTexts(values));
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
