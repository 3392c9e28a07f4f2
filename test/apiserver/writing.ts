/** The effect of each kind of write. Pure functions return the object to store, or throw a refusal. */
import type { Kind, Target } from './kinds.ts';
import { afterUpdate, applied } from './managers.ts';
import {
  type ApiMeta,
  type ApiObject,
  canonical,
  copy,
  type Fields,
  isEqual,
  isFields,
  type Managed,
  timeText,
} from './objects.ts';
import { badRequest, conflict, invalid, type Refusal } from './refusals.ts';

/** The context of a write. */
export interface Writing {
  readonly target: Target;
  readonly manager: string;
  readonly now: number;
  /** A different number for each store. */
  readonly store: number;
  /** A different number for each write. */
  readonly serial: number;
  readonly force?: boolean;
  /** The problems of an object, by the rules of its kind. */
  readonly problemsOf: (object: ApiObject, kind: Kind) => readonly string[];
}

/** The name of an object in messages. */
export function nameOf({ resource }: Kind, name: string): string {
  return `${resource} "${name}"`;
}

/** The body of a request as an object. */
export function bodyOf(body: unknown): ApiObject {
  if (!isFields(body)) throw badRequest('the body is no object');
  const all = copy(body) as unknown as ApiObject;
  return { ...all, metadata: { ...(isFields(all.metadata) ? all.metadata : ({} as ApiMeta)) } };
}

/** The new object that a creation stores. */
export function created(body: ApiObject, writing: Writing): ApiObject {
  const { target, now, serial } = writing;
  const { kind, namespace } = target;
  const { generateName, ...given } = body.metadata as ApiMeta & { readonly generateName?: string };
  if (given.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
  const name = given.name ?? (generateName && `${generateName.slice(0, 58)}${serial.toString(36).padStart(5, '0')}`);
  if (!name) throw badRequest('name or generateName is required');
  if (given.namespace !== undefined && given.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  const { deletionTimestamp: _, managedFields: __, ...kept } = given;
  const metadata = {
    ...{ ...kept, name, ...(namespace !== undefined && { namespace }) },
    ...{ uid: uidOf(writing), resourceVersion: '', creationTimestamp: timeText(now) },
    ...(kind.hasGeneration && { generation: 1 }),
  };
  const { status, ...rest }: ApiObject = { ...body, apiVersion: kind.apiVersion, kind: kind.kind };
  const after = { ...rest, ...(status !== undefined && !kind.hasStatus && { status }), metadata } as ApiObject;
  return finished(after, { before: undefined, writing });
}

/** The object that an update stores in place of another one. */
export function updated(body: ApiObject, before: ApiObject, writing: Writing): ApiObject {
  const { kind } = writing.target;
  const { uid, resourceVersion } = body.metadata;
  const what = nameOf(kind, before.metadata.name);
  checkIdentity(body.metadata, before, what);
  if (!resourceVersion && kind.needsVersion) {
    throw invalid(what, ['metadata.resourceVersion: must be specified for an update']);
  }
  if (uid && uid !== before.metadata.uid) throw uidConflict(what, uid, before);
  if (resourceVersion && resourceVersion !== before.metadata.resourceVersion) throw conflict(what);
  return finished(inPlaceOf(body, before, writing.target), { before, writing });
}

/** A patch with another version is a conflict. A patch with another uid is invalid, because it would change the uid. */
function checkPatch({ uid, resourceVersion }: ApiMeta, before: ApiObject, what: string): void {
  if (resourceVersion && resourceVersion !== before.metadata.resourceVersion) throw conflict(what);
  if (uid && uid !== before.metadata.uid) throw invalid(what, ['metadata.uid: field is immutable']);
}

/** The object that a merge patch (RFC 7396) stores. */
export function patched(patch: Fields, before: ApiObject, writing: Writing): ApiObject {
  const body = bodyOf(mergePatched(before, patch));
  checkPatch(body.metadata, before, nameOf(writing.target.kind, before.metadata.name));
  return updated(body, before, writing);
}

/** The object that server-side apply stores. */
export function appliedTo(config: ApiObject, before: ApiObject, writing: Writing): ApiObject {
  const { target, manager, now, force = false } = writing;
  const { kind, subresource } = target;
  const what = nameOf(kind, before.metadata.name);
  checkIdentity(config.metadata, before, what);
  if (config.metadata.managedFields) throw badRequest('metadata.managedFields must be nil');
  checkPatch(config.metadata, before, what);
  const { status, ...main } = config;
  const part = subresource === 'status' ? { ...partOf(config), status } : kind.hasStatus ? main : config;
  const act = { manager, subresource, now, force };
  const after = applied({ live: before, config: copy(part), kind }, act);
  return finished(after, { before, writing, isApplied: true });
}

/** An empty object, from which server-side apply starts if it must create one. */
export function blank({ kind, namespace, name }: Target): ApiObject {
  const place = { name, ...(namespace !== undefined && { namespace }) };
  return { apiVersion: kind.apiVersion, kind: kind.kind, metadata: place as ApiMeta };
}

function partOf({ apiVersion, kind, metadata }: ApiObject): ApiObject {
  const { name, ...rest } = metadata;
  return { apiVersion, kind, metadata: { name, ...('namespace' in rest && { namespace: rest.namespace }) } as ApiMeta };
}

function checkIdentity({ name, namespace }: ApiMeta, before: ApiObject, what: string): void {
  const isSame = name === undefined || name === before.metadata.name;
  if (!isSame || (namespace !== undefined && namespace !== before.metadata.namespace)) {
    throw badRequest(`the name of the object does not match ${what}`);
  }
}

function uidConflict(what: string, uid: string, before: ApiObject): Refusal {
  return conflict(what, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.metadata.uid}`);
}

/** The fields that an update may change, of the object or of its status. All other fields stay as they were. */
function inPlaceOf(body: ApiObject, before: ApiObject, { kind, subresource }: Target): ApiObject {
  if (subresource === 'status') return { ...before, status: body.status };
  const { labels, annotations, finalizers, ownerReferences } = body.metadata;
  const { labels: _, annotations: __, finalizers: ___, ownerReferences: ____, ...kept } = before.metadata;
  const metadata = {
    ...kept,
    ...(labels && { labels }),
    ...(annotations && { annotations }),
    ...(finalizers && { finalizers }),
    ...(ownerReferences && { ownerReferences }),
  };
  const { status, ...rest } = body;
  const kept2 = kind.hasStatus ? before.status : status;
  return {
    ...rest,
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata,
    ...(kept2 !== undefined && { status: kept2 }),
  };
}

/** Completes an object before it is stored: defaults, rules, ownership and generation. */
function finished(
  draft: ApiObject,
  context: { readonly before: ApiObject | undefined; readonly writing: Writing; readonly isApplied?: true },
): ApiObject {
  const { before, writing, isApplied } = context;
  const { target, serial, now, manager, problemsOf } = writing;
  const { kind, subresource } = target;
  const prepared = kind.prepare?.(draft, { before, serial, now }) ?? draft;
  const what = nameOf(kind, prepared.metadata.name);
  const problems = problemsOf(prepared, kind);
  if (problems.length > 0) throw invalid(what, problems);
  const { finalizers = [], deletionTimestamp } = prepared.metadata;
  if (deletionTimestamp && finalizers.some((one) => !before?.metadata.finalizers?.includes(one))) {
    throw invalid(what, [
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted',
    ]);
  }
  const after = withGeneration(prepared, before, kind);
  if (isApplied) return after;
  const managedFields = afterUpdate({ before, after, kind }, { manager, subresource, now });
  return { ...after, metadata: { ...after.metadata, managedFields } };
}

function withGeneration(after: ApiObject, before: ApiObject | undefined, { hasGeneration }: Kind): ApiObject {
  if (!hasGeneration || before === undefined) return after;
  const same = isEqual(contentOf(after), contentOf(before));
  const generation = (before.metadata.generation ?? 1) + (same ? 0 : 1);
  return { ...after, metadata: { ...after.metadata, generation } };
}

function contentOf({ metadata: _, status: __, ...content }: ApiObject): Fields {
  return content;
}

/** Whether two objects are equal, except for their version and the times of their managers' last writes. */
export function isSame(a: ApiObject, b: ApiObject): boolean {
  const { metadata, ...rest } = a;
  const { metadata: otherMetadata, ...otherRest } = b;
  if (!isEqual(rest, otherRest)) return false;
  const { managedFields = [], ...meta } = metadata;
  const { managedFields: otherFields = [], ...otherMeta } = otherMetadata;
  if (!isEqual({ ...meta, resourceVersion: '' }, { ...otherMeta, resourceVersion: '' })) return false;
  return isEqual(timeless(managedFields), timeless(otherFields));
}

function timeless(managed: readonly Managed[]): readonly string[] {
  return managed.map(({ time: _, ...entry }) => canonical(entry)).sort();
}

function mergePatched(before: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const all: Record<string, unknown> = isFields(before) ? { ...before } : {};
  for (const key in patch) {
    if (patch[key] === null) delete all[key];
    else all[key] = mergePatched(all[key], patch[key]);
  }
  return all;
}

/** A new uid. No two stores have the same uid, because the views of the program are distinguished by uid. */
function uidOf({ serial, store }: Writing): string {
  return `${store.toString(16).padStart(8, '0')}-0000-4000-8000-${serial.toString(16).padStart(12, '0')}`;
}
