/** The store sees the same object from the watch and from our own writes, in any order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ViewStore } from '../../../src/kube/view-store.ts';

const view = (uid: string, version: number) => ({ name: uid, uid, resourceVersion: String(version) });
const versions = (store: ViewStore<ReturnType<typeof view>>) =>
  store.values().map(({ resourceVersion }) => resourceVersion);

test('the newest version stays, whatever the order of arrival', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1 }), (arrivals) => {
      const store = new ViewStore<ReturnType<typeof view>>();
      for (const version of arrivals) store.put(view('a', version));
      assert.deepEqual(versions(store), [String(Math.max(...arrivals))]);
    }),
  );
});

test('an event of before the delete does not bring the object back, a list does', () => {
  const store = new ViewStore<ReturnType<typeof view>>();
  store.put(view('a', 1));
  store.remove('a');
  store.put(view('a', 2));
  assert.deepEqual(versions(store), []);
  store.replace([view('a', 3)]);
  assert.deepEqual(versions(store), ['3']);
});

test('a list replaces everything', () => {
  const store = new ViewStore<ReturnType<typeof view>>();
  store.put(view('a', 1));
  store.replace([view('b', 2)]);
  assert.equal(store.get('a'), undefined);
  assert.equal(store.get('b')?.resourceVersion, '2');
});

test('an object that did not matter for a while comes back with a later version', () => {
  const store = new ViewStore<ReturnType<typeof view>>();
  store.put(view('a', 1));
  store.forget('a');
  assert.deepEqual(versions(store), []);
  store.put(view('a', 2));
  assert.deepEqual(versions(store), ['2']);
});
