/** The managers that own the fields of an object, and the effect of ownership: `metadata.managedFields` and server-side apply. */
import { fieldsV1Of, type Leaves, leavesOf, merged, pathsOf, segmentsOf, without } from './fields.ts';
import type { Kind } from './kinds.ts';
import { type ApiObject, copy, type Fields, isFields, type Managed, timeText } from './objects.ts';
import { applyConflict, type Cause } from './refusals.ts';

/** The facts of a write that matter for ownership. */
export interface Act {
  readonly manager: string;
  readonly subresource: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

const nobodys = ['name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'generation'];
const unowned = new Set([...nobodys, 'managedFields', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink']);

/** The part of an object that can be owned. */
function ownable(object: Fields): Fields {
  const { apiVersion: _, kind: __, metadata, ...rest } = object;
  const fields = isFields(metadata) ? Object.entries(metadata).filter(([key]) => !unowned.has(key)) : [];
  return fields.length === 0 ? rest : { ...rest, metadata: Object.fromEntries(fields) };
}

const known = new WeakMap<Fields, ReadonlySet<string>>();

/** The paths of an entry. */
function ownedBy({ fieldsV1 }: Managed): ReadonlySet<string> {
  const paths = known.get(fieldsV1) ?? pathsOf(fieldsV1);
  known.set(fieldsV1, paths);
  return paths;
}

type Merging = Pick<Kind, 'shape' | 'hasStatus'>;

const leaves = new WeakMap<Fields, Leaves>();

/** The leaves of an object that can be owned. */
function ownableLeaves(object: Fields, { shape }: Merging): Leaves {
  const all = leaves.get(object) ?? leavesOf(ownable(object), shape);
  if (Object.isFrozen(object)) leaves.set(object, all);
  return all;
}

/** Ownership after a write that replaces the object: only the writer owns the fields that changed. */
export function afterUpdate(
  {
    before,
    after,
    kind,
  }: { readonly before: ApiObject | undefined; readonly after: ApiObject; readonly kind: Merging },
  act: Act,
): readonly Managed[] {
  const now = ownableLeaves(after, kind);
  const changed = changedIn(before ? ownableLeaves(before, kind) : new Map(), now);
  // A write of the object itself owns no field of the status.
  const isMain = act.subresource === '' && kind.hasStatus;
  const taken = isMain ? new Set([...changed].filter((path) => !isOfStatus(path))) : changed;
  const managed = before?.metadata.managedFields ?? [];
  const isOwn = isEntryOf(act, 'Update');
  const kept = managed.flatMap((entry) =>
    restricted(entry, (path) => now.has(path) && (isOwn(entry) || !taken.has(path))),
  );
  if (taken.size === 0) return kept;
  const own = kept.find(isOwn);
  const paths = new Set([...(own ? ownedBy(own) : []), ...taken]);
  return [...kept.filter((entry) => entry !== own), entryOf(paths, act, { operation: 'Update', of: after })];
}

/** The object after server-side apply, with its ownership. Throws a conflict if other managers own fields that would change. */
export function applied(
  { live, config, kind }: { readonly live: ApiObject; readonly config: Fields; readonly kind: Merging },
  { force, ...act }: Act & { readonly force: boolean },
): ApiObject {
  const { shape } = kind;
  const wanted = ownable(config);
  const paths = new Set(leavesOf(wanted, shape).keys());
  const isOwn = isEntryOf(act, 'Apply');
  const managed = live.metadata.managedFields ?? [];
  const own = managed.find(isOwn);
  const others = managed.filter((entry) => entry !== own);
  const merge = merged(live, withMeta(live, wanted), shape) as ApiObject;
  const changed = changedIn(ownableLeaves(live, kind), ownableLeaves(merge, kind));
  const causes = others.flatMap((entry) => conflictsOf(entry, changed));
  if (causes.length > 0 && !force) throw applyConflict(causes);
  const yielded = others.flatMap((entry) => restricted(entry, (path) => !changed.has(path)));
  const theirs = new Set(yielded.flatMap((entry) => [...ownedBy(entry)]));
  const gone = new Set([...(own ? ownedBy(own) : [])].filter((path) => !paths.has(path) && !theirs.has(path)));
  const left = gone.size === 0 ? merge : (without(merge, shape, { gone, others: theirs }) as ApiObject);
  const entry = entryOf(paths, act, { operation: 'Apply', of: live });
  const managedFields = paths.size === 0 ? yielded : [...yielded, entry];
  return { ...left, apiVersion: live.apiVersion, kind: live.kind, metadata: { ...left.metadata, managedFields } };
}

function isOfStatus(path: string): boolean {
  return segmentsOf(path)[0] === 'f:status';
}

/** The applied configuration, with the live object's name in its metadata. */
function withMeta(live: ApiObject, wanted: Fields): Fields {
  return {
    ...copy(wanted),
    metadata: { ...(isFields(wanted.metadata) ? wanted.metadata : {}), name: live.metadata.name },
  };
}

function changedIn(before: Leaves, after: Leaves): Set<string> {
  const changed = new Set<string>();
  for (const [path, value] of after) if (before.get(path) !== value) changed.add(path);
  return changed;
}

function conflictsOf(entry: Managed, changed: ReadonlySet<string>): readonly Cause[] {
  return [...ownedBy(entry)]
    .filter((path) => changed.has(path))
    .map((path) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with "${entry.manager}"`,
      field: segmentsOf(path)
        .map((segment) => (segment.startsWith('f:') ? `.${segment.slice(2)}` : `[${segment.slice(2)}]`))
        .join(''),
    }));
}

/** The entry with only the paths that stay. None if no path is left. */
function restricted(entry: Managed, stays: (path: string) => boolean): readonly Managed[] {
  const paths = ownedBy(entry);
  const left = [...paths].filter(stays);
  if (left.length === paths.size) return [entry];
  return left.length === 0 ? [] : [{ ...entry, fieldsV1: fieldsV1Of(left) }];
}

function isEntryOf({ manager, subresource }: Act, operation: Managed['operation']) {
  return (entry: Managed) =>
    entry.manager === manager && entry.operation === operation && (entry.subresource ?? '') === subresource;
}

function entryOf(
  paths: Iterable<string>,
  { manager, subresource, now }: Act,
  { operation, of }: { readonly operation: Managed['operation']; readonly of: ApiObject },
): Managed {
  return {
    ...{ manager, operation, apiVersion: of.apiVersion, time: timeText(now) },
    ...{ fieldsType: 'FieldsV1', fieldsV1: fieldsV1Of(paths) },
    ...(subresource !== '' && { subresource }),
  };
}
