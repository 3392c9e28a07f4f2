/** The state of a set of informers follows from the states of its members. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOf, isKnown, isSynced } from '../../../src/kube/informer-set.ts';

function informer({ synced = true, known = true, fault = undefined as string | undefined } = {}) {
  return { synced, known, fault: () => fault };
}

test('a set is synced when every informer has read its first list', () => {
  assert.equal(isSynced({ pools: informer(), nodes: informer() }), true);
  assert.equal(isSynced({ pools: informer(), nodes: informer({ synced: false }) }), false);
});

test('a set is known when every informer has data, from a list or from a snapshot', () => {
  assert.equal(isKnown({ pools: informer({ synced: false }), nodes: informer() }), true);
  assert.equal(isKnown({ pools: informer({ synced: false, known: false }), nodes: informer() }), false);
});

test('the fault of a set is the fault of its first informer that has one', () => {
  assert.equal(faultOf({ pools: informer(), nodes: informer() }), undefined);
  assert.equal(faultOf({ pools: informer(), nodes: informer({ fault: 'n' }), pods: informer({ fault: 'p' }) }), 'n');
});
