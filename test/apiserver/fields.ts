/** The fields of an object in server-side apply: the paths of its leaves, and how parts of each shape are merged and removed. */
import { canonical, copy, type Fields, isFields } from './objects.ts';

/** How a part of an object is merged. By default a map is merged field by field, and a list is replaced as a whole. */
export interface Shape {
  /** The part is one value, whatever it contains. */
  readonly isWhole?: true;
  /** A list whose items are identified by these fields. */
  readonly keys?: readonly string[];
  /** A list in which each value occurs once. */
  readonly isSet?: true;
  readonly fields?: Readonly<Record<string, Shape>>;
}

/** Leaves by path, each with its value as text. An item of a list with keys is also a leaf, with an empty text. */
export type Leaves = Map<string, string>;

const separator = '\u001f';
const plain: Shape = {};

/** The path of a segment below another path. */
export function below(path: string, segment: string): string {
  return path === '' ? segment : `${path}${separator}${segment}`;
}

/** The segments of a path. */
export function segmentsOf(path: string): readonly string[] {
  return path.split(separator);
}

/** The leaves of a value. */
export function leavesOf(value: unknown, shape: Shape): Leaves {
  const into: Leaves = new Map();
  gather(value, shape, { path: '', into });
  return into;
}

function gather(value: unknown, shape: Shape, { path, into }: { readonly path: string; readonly into: Leaves }): void {
  if (Array.isArray(value) && (shape.keys || shape.isSet)) {
    for (const item of value) {
      const at = below(path, segmentOf(item, shape));
      into.set(at, '');
      if (shape.keys) gather(item, { fields: shape.fields ?? {} }, { path: at, into });
    }
    return;
  }
  if (isFields(value) && !shape.isWhole && Object.keys(value).length > 0) {
    for (const key in value) {
      gather(value[key], shape.fields?.[key] ?? plain, { path: below(path, `f:${key}`), into });
    }
    return;
  }
  if (path !== '') into.set(path, canonical(value));
}

/** The live value, with the applied value merged into it. */
export function merged(live: unknown, applied: unknown, shape: Shape): unknown {
  if (isFields(live) && isFields(applied) && !shape.isWhole) {
    const all: Record<string, unknown> = { ...live };
    for (const key in applied) all[key] = merged(live[key], applied[key], shape.fields?.[key] ?? plain);
    return all;
  }
  if (Array.isArray(live) && Array.isArray(applied) && (shape.keys || shape.isSet)) {
    const items = new Map(live.map((item) => [segmentOf(item, shape), item]));
    for (const item of applied) {
      const key = segmentOf(item, shape);
      items.set(key, merged(items.get(key), item, { fields: shape.fields ?? {} }));
    }
    return [...items.values()];
  }
  return copy(applied);
}

/** The paths to remove, and the paths that stay because other managers own them. */
export interface Removal {
  readonly gone: ReadonlySet<string>;
  readonly others: ReadonlySet<string>;
}

/** The value without some of its leaves; undefined if nothing is left of it. */
export function without(value: unknown, shape: Shape, removal: Removal & { readonly path?: string }): unknown {
  const { gone, others, path = '' } = removal;
  if (Array.isArray(value) && (shape.keys || shape.isSet)) {
    const items = value.flatMap((item) => {
      const at = below(path, segmentOf(item, shape));
      if (gone.has(at) && !hasBelow(others, at)) return [];
      return shape.keys ? [withoutIn(item, shape, { gone, others, path: at })] : [item];
    });
    return items.length === 0 && value.length > 0 ? undefined : items;
  }
  if (path !== '' && gone.has(path)) return undefined;
  if (!isFields(value) || shape.isWhole) return value;
  const left = withoutIn(value, shape, { gone, others, path });
  return Object.keys(left).length === 0 && Object.keys(value).length > 0 ? undefined : left;
}

function withoutIn(value: Fields, { fields, keys = [] }: Shape, removal: Removal & { readonly path: string }): Fields {
  const all: Record<string, unknown> = {};
  for (const key in value) {
    const path = below(removal.path, `f:${key}`);
    const left = keys.includes(key) ? value[key] : without(value[key], fields?.[key] ?? plain, { ...removal, path });
    if (left !== undefined) all[key] = left;
  }
  return all;
}

function hasBelow(paths: ReadonlySet<string>, path: string): boolean {
  for (const one of paths) if (one === path || one.startsWith(path + separator)) return true;
  return false;
}

function segmentOf(item: unknown, { keys }: Shape): string {
  if (!keys) return `v:${canonical(item)}`;
  const fields = isFields(item) ? item : {};
  return `k:${canonical(Object.fromEntries(keys.map((key) => [key, fields[key]])))}`;
}

/** A set of paths in the form of `fieldsV1` in `managedFields`. */
export function fieldsV1Of(paths: Iterable<string>): Fields {
  const root: Tree = {};
  for (const path of paths) {
    let at = root;
    for (const segment of segmentsOf(path)) {
      const next = at[segment] ?? {};
      at[segment] = next;
      at = next;
    }
    at['.'] = {};
  }
  return tidied(root);
}

interface Tree {
  [segment: string]: Tree;
}

/** Removes each dot, which means "this item itself", that is the only key at its place. */
function tidied(tree: Tree): Tree {
  const keys = Object.keys(tree);
  if (keys.length === 1 && keys[0] === '.') return {};
  return Object.fromEntries(keys.map((key) => [key, key === '.' ? {} : tidied(tree[key] ?? {})]));
}

/** The paths in a value of `fieldsV1`. */
export function pathsOf(fields: Fields, path = '', into: Set<string> = new Set()): Set<string> {
  const keys = Object.keys(fields);
  if (keys.length === 0 && path !== '') into.add(path);
  for (const key of keys) {
    if (key === '.') into.add(path);
    else pathsOf(fields[key] as Fields, below(path, key), into);
  }
  return into;
}
