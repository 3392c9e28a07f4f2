/** The rules for creations, updates and deletions. */
import assert from 'node:assert/strict';
import type { Fields } from '../objects.ts';
import { allocations, type Checks, leases, mergeType, versionOf } from './asking.ts';

/** Rules for the identity of objects: name, uid, version and generation. */
export const identities: Checks = {
  'an object cannot be created twice under one name': async (asking) => {
    await asking.createEntry();
    await asking.refused(409, 'AlreadyExists', { method: 'POST', path: allocations, body: asking.entryBody() });
  },
  'an object that is deleted and created again has another uid': async (asking) => {
    const first = await asking.createService();
    await asking.get('DELETE', asking.service);
    const second = await asking.createService();
    assert.notEqual(first.metadata.uid, second.metadata.uid);
  },
  'every change has a higher version than all changes before it, whatever the kind': async (asking) => {
    const service = await asking.createService();
    const entry = await asking.createEntry();
    const later = await asking.patch(asking.service, { metadata: { labels: { a: 'b' } } });
    assert.ok(Number(versionOf(service)) < Number(versionOf(entry)));
    assert.ok(Number(versionOf(entry)) < Number(versionOf(later)));
  },
  'a request for an object that does not exist is refused as NotFound': async (asking) => {
    await asking.refused(404, 'NotFound', { path: asking.service });
    await asking.refused(404, 'NotFound', { method: 'DELETE', path: asking.service });
    const body = asking.entryBody({ resourceVersion: '1' });
    await asking.refused(404, 'NotFound', { method: 'PUT', path: asking.entry, body });
  },
  'no object can be created in a namespace that does not exist': async (asking) => {
    const body = { metadata: { name: 'x' }, spec: { ports: [{ port: 80 }] } };
    await asking.refused(404, 'NotFound', { method: 'POST', path: `/api/v1/namespaces/${asking.name}/services`, body });
  },
  'the generation counts only changes of the spec': async (asking) => {
    const made = await asking.createEntry();
    const labelled = await asking.patch(asking.entry, { metadata: { labels: { a: 'b' } } });
    const changed = await asking.patch(asking.entry, { spec: { pool: 'other' } });
    assert.deepEqual(
      [made, labelled, changed].map(({ metadata }) => metadata.generation),
      [1, 1, 2],
    );
  },
};

/** Rules for updates and patches. */
export const updates: Checks = {
  'an update of another version is refused': async (asking) => {
    const made = await asking.createEntry();
    const before = versionOf(made);
    await asking.patch(asking.entry, { metadata: { labels: { a: 'b' } } });
    const body = asking.entryBody({ resourceVersion: before }, { pool: 'other' });
    await asking.refused(409, 'Conflict', { method: 'PUT', path: asking.entry, body });
  },
  'an update with the uid of an earlier object of the same name is refused': async (asking) => {
    const first = await asking.createEntry();
    await asking.get('DELETE', asking.entry);
    const second = await asking.createEntry();
    const body = asking.entryBody({ uid: first.metadata.uid, resourceVersion: versionOf(second) }, { pool: 'other' });
    await asking.refused(409, 'Conflict', { method: 'PUT', path: asking.entry, body });
  },
  'an update of a custom object without a version is refused': async (asking) => {
    await asking.createEntry();
    await asking.refused(422, 'Invalid', { method: 'PUT', path: asking.entry, body: asking.entryBody() });
  },
  'an update that changes nothing does not change the version': async (asking) => {
    const made = await asking.createEntry();
    const same = await asking.get('PUT', asking.entry, { body: made });
    assert.equal(versionOf(same), versionOf(made));
  },
  'an update removes labels, annotations and finalizers that it does not contain': async (asking) => {
    const made = await asking.createEntry({
      labels: { a: 'b' },
      annotations: { c: 'd' },
      finalizers: ['example.com/x'],
    });
    const body = asking.entryBody({ resourceVersion: versionOf(made) });
    const { metadata } = await asking.get('PUT', asking.entry, { body });
    assert.deepEqual([metadata.labels, metadata.annotations, metadata.finalizers], [undefined, undefined, undefined]);
  },
  'an update of an object keeps its status, and an update of the status changes nothing else': async (asking) => {
    const made = await asking.createEntry();
    const status = { holder: { node: 'n', term: 1 } };
    const held = await asking.get('PUT', `${asking.entry}/status`, {
      body: { ...made, spec: { ...(made.spec as Fields), pool: 'ignored' }, status },
    });
    assert.deepEqual([held.status, (held.spec as Fields).pool], [status, 'none']);
    const changed = await asking.get('PUT', asking.entry, {
      body: { ...held, status: {}, spec: { ...(held.spec as Fields), pool: 'other' } },
    });
    assert.deepEqual([changed.status, (changed.spec as Fields).pool], [status, 'other']);
  },
  'a merge patch changes only the fields that it names, and null removes a field': async (asking) => {
    await asking.createEntry({ labels: { a: 'b', c: 'd' } });
    const { metadata } = await asking.patch(asking.entry, { metadata: { labels: { a: null, e: 'f' } } });
    assert.deepEqual(metadata.labels, { c: 'd', e: 'f' });
  },
  'a merge patch with another version is a conflict, and a merge patch with another uid is invalid': async (asking) => {
    const made = await asking.createEntry();
    const { resourceVersion } = made.metadata;
    await asking.patch(asking.entry, { metadata: { labels: { a: 'b' } } });
    const patch = (metadata: object) => ({
      ...{ method: 'PATCH', path: asking.entry, contentType: mergeType },
      body: { metadata, spec: { pool: 'other' } },
    });
    const uid = '00000000-0000-4000-8000-000000000000';
    await asking.refused(409, 'Conflict', patch({ resourceVersion }));
    await asking.refused(422, 'Invalid', patch({ uid }));
    await asking.refused(409, 'Conflict', patch({ uid, resourceVersion }));
  },
  'of two clients that read the same version of a Lease, only one can write it': async (asking) => {
    const body = { metadata: { name: asking.name }, spec: { holderIdentity: 'a', leaseDurationSeconds: 15 } };
    const made = await asking.get('POST', leases, { body });
    const by = (holderIdentity: string) => ({
      method: 'PUT',
      path: `${leases}/${asking.name}`,
      body: { ...made, spec: { holderIdentity, leaseDurationSeconds: 15 } },
    });
    const taken = await asking.ask('PUT', by('b').path, { body: by('b').body });
    assert.equal(taken.status, 200);
    await asking.refused(409, 'Conflict', by('c'));
  },
};

/** Rules for deletions. */
export const deletions: Checks = {
  'a deletion that names another uid or another version is refused': async (asking) => {
    const made = await asking.createEntry();
    const { uid, resourceVersion } = made.metadata;
    await asking.patch(asking.entry, { metadata: { labels: { a: 'b' } } });
    const asks = (preconditions: object) => ({
      ...{ method: 'DELETE', path: asking.entry },
      body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions },
    });
    await asking.refused(409, 'Conflict', asks({ uid, resourceVersion }));
    await asking.refused(409, 'Conflict', asks({ uid: '00000000-0000-4000-8000-000000000000' }));
    const done = await asking.ask('DELETE', asking.entry, { body: asks({ uid }).body });
    assert.equal(done.status, 200);
  },
  'a deleted object with a finalizer is marked first, and is removed with its last finalizer': async (asking) => {
    await asking.createEntry({ finalizers: ['example.com/x'] });
    await asking.get('DELETE', asking.entry);
    const marked = await asking.get('GET', asking.entry);
    assert.notEqual(marked.metadata.deletionTimestamp, undefined);
    // A second deletion changes nothing.
    await asking.get('DELETE', asking.entry);
    assert.equal(versionOf(await asking.get('GET', asking.entry)), versionOf(marked));
    await asking.patch(asking.entry, { metadata: { finalizers: null } });
    await asking.refused(404, 'NotFound', { path: asking.entry });
  },
  'an object that is being deleted can be updated, but gets no new finalizer': async (asking) => {
    await asking.createEntry({ finalizers: ['example.com/x'] });
    await asking.get('DELETE', asking.entry);
    const changed = await asking.patch(asking.entry, { spec: { pool: 'other' } });
    assert.equal((changed.spec as Fields).pool, 'other');
    const body = { metadata: { finalizers: ['example.com/x', 'example.com/y'] } };
    await asking.refused(422, 'Invalid', { method: 'PATCH', path: asking.entry, body, contentType: mergeType });
  },
};
