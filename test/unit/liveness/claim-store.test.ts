/**
 * The claims of every node: the digests by which lists are compared, and the terms that outlive
 * claims.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimStore } from '../../../src/liveness/claim-store.ts';
import { type Claim, digestOf, noClaims } from '../../../src/liveness/messages.ts';
import { fc } from '../../property.ts';

function claim(uid: string, term = 1): Claim {
  return { uid, term, isolated: false, leaving: false };
}

const someClaim = fc.record({
  uid: fc.constantFrom('a', 'b', 'c', 'd'),
  term: fc.nat(5),
  isolated: fc.boolean(),
  leaving: fc.boolean(),
});

test('for any changes, the digest is that of the remaining claims, with a count that can be sent', () => {
  const step = fc.oneof(someClaim, fc.constantFrom('a', 'b', 'c', 'd'));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const book = new ClaimStore();
      for (const one of steps) {
        if (typeof one === 'string') book.drop('n', one);
        else book.set('n', one);
        const digest = book.digestOf('n');
        assert.deepEqual(digest, digestOf(book.of('n').values()));
        assert.ok(digest.count >= 0 && digest.sum >= 0);
      }
    }),
  );
});

test('a node that has dropped all its claims has the digest of a node that never had one', () => {
  const book = new ClaimStore();
  for (const uid of ['a', 'b', 'c']) book.set('n', claim(uid, 3));
  book.replace('n', []);
  assert.deepEqual(book.digestOf('n'), noClaims);
  assert.equal(book.of('n').size, 0);
});

test('the term of a VIP outlives its claims as long as the VIP exists, and no longer', () => {
  const book = new ClaimStore();
  for (const uid of ['held', 'given-back', 'gone']) book.set('n', claim(uid, 7));
  for (const uid of ['given-back', 'gone']) book.drop('n', uid);
  book.forgetTerms((uid) => uid !== 'gone');
  assert.deepEqual(
    ['held', 'given-back', 'gone'].map((uid) => book.termOf(uid)),
    [7, 7, 0],
  );
});

test('a term never falls, even if a lower one is claimed later', () => {
  const book = new ClaimStore();
  book.set('n', claim('a', 7));
  book.set('m', claim('a', 2));
  assert.equal(book.termOf('a'), 7);
});
