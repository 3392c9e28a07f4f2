/** Objects of Berth that exist under the name of an object to create: they stay as they are. */
import type { FieldRow } from './convert/field-report.ts';
import { isMap } from './convert/manifest.ts';

/** An object of Berth. */
interface BerthObject {
  readonly metadata: { readonly name: string };
  readonly spec?: object;
}

/** Reports the objects that exist already, and whether they differ from what the conversion makes. */
export function existingRows(
  kind: 'IPAddressPool' | 'L2Advertisement',
  made: readonly BerthObject[],
  existing: readonly BerthObject[],
): readonly FieldRow[] {
  return made.flatMap(({ metadata: { name }, spec = {} }): readonly FieldRow[] => {
    const there = existing.find(({ metadata }) => metadata.name === name);
    if (there === undefined) return [];
    const object = `${kind} ${name} of Berth`;
    const has = (there.spec ?? {}) as Readonly<Record<string, unknown>>;
    const differing = Object.entries(spec).flatMap(([field, value]) => (covers(has[field], value) ? [] : [field]));
    if (differing.length === 0) return [{ object, field: '', fate: 'Carried', as: 'it exists already' }];
    const as = `it exists already and stays as it is; it differs in ${differing.join(', ')}`;
    return [{ object, field: '', fate: 'Adapted', as, todo: 'compare the two, and correct the one of Berth' }];
  });
}

/** Whether a value has everything that another one has; the API server may have added defaults. */
function covers(has: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return Array.isArray(has) && has.length === wanted.length && wanted.every((one, i) => covers(has[i], one));
  }
  if (isMap(wanted)) return isMap(has) && Object.entries(wanted).every(([key, value]) => covers(has[key], value));
  return has === wanted;
}
