/** The rules for server-side apply, and for Services. */
import assert from 'node:assert/strict';
import type { ApiObject, Fields } from '../objects.ts';
import { type Checks, condition, statusOf, typesOf, versionOf } from './asking.ts';

/** Rules for server-side apply. */
export const applies: Checks = {
  'a manager owns the fields that it applies, and a field that it no longer applies is removed': async (asking) => {
    await asking.createService();
    const ingress = [{ ip: '198.51.100.1', ipMode: 'VIP' }];
    const both = { loadBalancer: { ingress }, conditions: [condition('a/A'), condition('b/B')] };
    const { body: first } = await asking.apply('one', both);
    assert.deepEqual(statusOf(first as ApiObject).loadBalancer, { ingress });
    assert.deepEqual(typesOf(first as ApiObject), ['a/A', 'b/B']);
    const owner = (first as ApiObject).metadata.managedFields?.find(({ manager }) => manager === 'one');
    assert.deepEqual([owner?.operation, owner?.subresource], ['Apply', 'status']);
    const status = owner?.fieldsV1['f:status'] as Fields;
    assert.deepEqual((status['f:loadBalancer'] as Fields)['f:ingress'], {}, 'the ingress is owned as one value');
    const { body: second } = await asking.apply('one', { conditions: [condition('a/A')] });
    assert.deepEqual(statusOf(second as ApiObject).loadBalancer, {});
    assert.deepEqual(typesOf(second as ApiObject), ['a/A']);
  },
  'applying the same values again does not change the version': async (asking) => {
    await asking.createService();
    const { body: first } = await asking.apply('one', { conditions: [condition('a/A')] });
    const { body: second } = await asking.apply('one', { conditions: [condition('a/A')] });
    assert.equal(versionOf(second as ApiObject), versionOf(first as ApiObject));
  },
  'another value for a field that another manager owns is a conflict, unless it is forced': async (asking) => {
    await asking.createService();
    const shows = (ip: string) => ({ loadBalancer: { ingress: [{ ip }] } });
    await asking.apply('one', shows('198.51.100.1'));
    const { status, body } = await asking.apply('two', shows('198.51.100.2'));
    const { details } = body as { details?: { causes?: readonly Fields[] } };
    assert.deepEqual([status, details?.causes?.map(({ reason }) => reason)], [409, ['FieldManagerConflict']]);
    const { body: forced } = await asking.apply('two', shows('198.51.100.2'), { force: true });
    const owners = (forced as ApiObject).metadata.managedFields?.map(({ manager }) => manager) ?? [];
    assert.ok(owners.includes('two') && !owners.includes('one'), owners.join());
  },
  'a value that two managers apply belongs to both, and stays until neither applies it': async (asking) => {
    await asking.createService();
    await asking.apply('one', { conditions: [condition('a/A')] });
    const { status } = await asking.apply('two', { conditions: [condition('a/A')] });
    assert.equal(status, 200);
    const { body: kept } = await asking.apply('one', { conditions: [] });
    assert.deepEqual(typesOf(kept as ApiObject), ['a/A']);
    const { body: gone } = await asking.apply('two', { conditions: [] });
    assert.deepEqual(typesOf(gone as ApiObject), []);
  },
  'an apply keeps the conditions of other managers': async (asking) => {
    await asking.createService();
    await asking.apply('one', { conditions: [condition('a/A')] });
    const { body } = await asking.apply('two', { conditions: [condition('b/B')] });
    assert.deepEqual(typesOf(body as ApiObject), ['a/A', 'b/B']);
  },
  'a status is applied only to the version and the uid that it names': async (asking) => {
    const made = await asking.createService();
    const { uid, resourceVersion } = made.metadata;
    await asking.patch(asking.service, { metadata: { labels: { a: 'b' } } });
    const status = { conditions: [condition('a/A')] };
    const late = await asking.apply('one', status, { metadata: { uid, resourceVersion } });
    const another = '00000000-0000-4000-8000-000000000000';
    const other = await asking.apply('one', status, { metadata: { uid: another } });
    const both = await asking.apply('one', status, { metadata: { uid: another, resourceVersion } });
    const right = await asking.apply('one', status, { metadata: { uid } });
    assert.deepEqual([late.status, other.status, both.status, right.status], [409, 422, 409, 200]);
  },
};

/** Rules for what the API server changes in Services by itself. */
export const ofServices: Checks = {
  'a Service gets its families, its node ports and an empty status': async (asking) => {
    const made = await asking.createService();
    const spec = made.spec as { ipFamilies: string[]; ipFamilyPolicy: string; ports: { nodePort?: number }[] };
    assert.equal(spec.ipFamilyPolicy, 'SingleStack');
    assert.equal(spec.ipFamilies.length, 1);
    assert.ok((spec.ports[0]?.nodePort ?? 0) >= 30_000);
    assert.deepEqual(made.status, { loadBalancer: {} });
  },
  'a Service that is no longer a LoadBalancer loses its address, and keeps its conditions': async (asking) => {
    await asking.createService();
    await asking.apply('one', {
      loadBalancer: { ingress: [{ ip: '198.51.100.1' }] },
      conditions: [condition('a/A')],
    });
    const after = await asking.patch(asking.service, { spec: { type: 'ClusterIP' } });
    assert.deepEqual([statusOf(after).loadBalancer, typesOf(after)], [{}, ['a/A']]);
  },
  'a Service that is being deleted keeps its address in its status': async (asking) => {
    await asking.createService({}, { finalizers: ['example.com/x'] });
    await asking.apply('one', { loadBalancer: { ingress: [{ ip: '198.51.100.1' }] } });
    await asking.get('DELETE', asking.service);
    const after = await asking.get('GET', asking.service);
    assert.notEqual(after.metadata.deletionTimestamp, undefined);
    assert.deepEqual(statusOf(after).loadBalancer, { ingress: [{ ip: '198.51.100.1', ipMode: 'VIP' }] });
  },
};
