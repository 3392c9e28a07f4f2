/**
 * The change that `kubectl apply` makes to an object of a custom kind: a JSON merge patch (RFC 7396) of three objects. Fields of the file
 * are set; fields of the last apply that are no longer in the file are removed; fields that another program set stay.
 */

import { ownOf } from '../../api/meta.ts';

/** The annotation in which `kubectl apply` keeps what it applied last. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

type Fields = Readonly<Record<string, unknown>>;

/** The patch that makes an object with these annotations what the file says. */
export function appliedPatch(annotations: Readonly<Record<string, string>>, object: Fields): Fields {
  return patchOf(fieldsOf(annotations[lastApplied]), object);
}

/** The fields that were applied last; none if the annotation is missing or not readable. */
function fieldsOf(text: string | undefined): Fields {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}

function patchOf(before: Fields, after: Fields): Fields {
  const gone = Object.keys(before).filter((key) => ownOf(after, key) === undefined);
  const set = Object.entries(after).map(([key, value]) => {
    const old = ownOf(before, key);
    return [key, isFields(value) ? patchOf(isFields(old) ? old : {}, value) : value] as const;
  });
  return { ...Object.fromEntries(gone.map((key) => [key, null])), ...Object.fromEntries(set) };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
