/** The store gets the same object from the watch and from Berth's own writes, in any order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ViewStore } from '../../../src/kube/view-store.ts';
import { fc } from '../../property.ts';

const view = (uid: string, version: number) => ({ name: uid, uid, resourceVersion: String(version) });
const versions = (store: ViewStore<ReturnType<typeof view>>) =>
  store.values().map(({ resourceVersion }) => resourceVersion);

test('the newest version stays, in whatever order versions arrive', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1 }), (arrivals) => {
      const store = new ViewStore<ReturnType<typeof view>>();
      for (const version of arrivals) store.put(view('a', version));
      assert.deepEqual(versions(store), [String(Math.max(...arrivals))]);
    }),
  );
});

test('an event from before the delete does not bring the object back, but a later one does', () => {
  const store = new ViewStore<ReturnType<typeof view>>();
  store.put(view('a', 1));
  assert.equal(store.remove('a', '5'), true);
  assert.equal(store.remove('a', '5'), false);
  assert.equal(store.put(view('a', 4)), false);
  assert.deepEqual(versions(store), []);
  // The object left a selection, and came back into it.
  assert.equal(store.put(view('a', 9)), true);
  assert.deepEqual(versions(store), ['9']);
});

test('of two removals the later version counts, in whatever order they come', () => {
  const store = new ViewStore<ReturnType<typeof view>>();
  store.put(view('a', 1));
  // The event of the deletion is faster than the answer to a request that finds the object gone.
  store.remove('a', '5');
  store.remove('a', '1');
  assert.equal(store.put(view('a', 4)), false);
  assert.deepEqual(versions(store), []);
});

test('a newer version with the same facts is stored, and only a new fact counts as a change', () => {
  const store = new ViewStore<{ name: string; uid: string; resourceVersion: string; facts: { n: number } }>();
  const fact = (version: number, n: number) => ({ ...view('a', version), facts: { n } });
  assert.equal(store.put(fact(1, 1)), true);
  store.put(fact(2, 1));
  assert.equal(store.get('a')?.resourceVersion, '2');
  assert.equal(store.put(fact(3, 2)), true);
});

test('a list removes the objects that it does not name, and adds those that it names', () => {
  const store = new ViewStore<ReturnType<typeof view>>();
  store.put(view('gone', 1));
  store.put(view('changed', 2));
  store.replace([view('changed', 9), view('new', 5)], '10');
  assert.deepEqual(
    store.values().map(({ uid, resourceVersion }) => `${uid} ${resourceVersion}`),
    ['changed 9', 'new 5'],
  );
});

test('a deleted object is forgotten after a thousand others', () => {
  const store = new ViewStore<ReturnType<typeof view>>();
  store.remove('first', '9');
  for (let i = 0; i < 1000; i++) store.remove(`n${i}`, '9');
  assert.equal(store.put(view('first', 1)), true);
  assert.equal(store.put(view('n999', 1)), false);
});

test('what was known before a list began does not stay, whatever its version', () => {
  const store = new ViewStore<ReturnType<typeof view>>();
  store.replace([view('seeded', 99)], '');
  store.put(view('written', 98));
  store.put(view('deleted', 96));
  store.remove('deleted', '97');
  store.beginList();
  store.replace([view('listed', 2), view('written', 3), view('deleted', 4)], '10');
  assert.deepEqual(versions(store).sort(), ['2', '3', '4']);
});

test('what was stored or removed while a list was read stays, if it is newer than the list', () => {
  const store = new ViewStore<ReturnType<typeof view>>();
  store.put(view('old', 1));
  store.beginList();
  store.put(view('written', 12));
  store.put(view('overtaken', 8));
  store.remove('old', '11');
  store.replace([view('old', 1), view('written', 2), view('overtaken', 9)], '10');
  assert.deepEqual(versions(store).sort(), ['12', '9']);
});

test('the revision changes whenever the facts change, and only then', () => {
  const store = new ViewStore<ReturnType<typeof view>>();
  const isNewAfter = (act: () => void) => {
    const before = store.revision;
    act();
    return store.revision !== before;
  };
  assert.equal(
    isNewAfter(() => store.put(view('a', 1))),
    true,
  );
  assert.equal(
    isNewAfter(() => store.put(view('a', 2))),
    false,
  );
  assert.equal(
    isNewAfter(() => store.remove('b', '3')),
    false,
  );
  assert.equal(
    isNewAfter(() => store.remove('a', '4')),
    true,
  );
  assert.equal(
    isNewAfter(() => store.replace([view('a', 5)], '6')),
    true,
  );
});
