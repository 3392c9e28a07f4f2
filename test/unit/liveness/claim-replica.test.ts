/** The claims of a peer are those of its newest datagrams, in whatever order these arrive. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimReplica } from '../../../src/liveness/claim-replica.ts';
import { ClaimStore } from '../../../src/liveness/claim-store.ts';
import { type Claim, type ClaimDelta, noClaims } from '../../../src/liveness/messages.ts';

const node = 'n2';

function claim(uid: string, term = 1): Claim {
  return { uid, term, isolated: false, leaving: false };
}

function news(sequence: number, facts: Partial<Pick<ClaimDelta, 'claims' | 'dropped' | 'fullSync'>>): ClaimDelta {
  return {
    ...{ kind: 'Claims', from: { node, incarnation: '2'.repeat(16) }, sequence, total: noClaims },
    ...{ to: { node: 'n1', incarnation: '1'.repeat(16), newest: '1'.repeat(16) } },
    ...{ claims: [], dropped: [], fullSync: undefined, ...facts },
  };
}

/** The peer's claims after these datagrams, in this order: `uid/term`. */
function claimsAfter(...datagrams: readonly ClaimDelta[]): readonly string[] {
  const book = new ClaimStore();
  const intake = new ClaimReplica(book, node);
  for (const one of datagrams) intake.take(one);
  return [...book.of(node).values()].map(({ uid, term }) => `${uid}/${term}`).sort();
}

test('a dropped claim does not come back through a datagram that arrives late', () => {
  const [taken, dropped] = [news(5, { claims: [claim('u')] }), news(6, { dropped: ['u'] })];
  assert.deepEqual(claimsAfter(taken, dropped), []);
  assert.deepEqual(claimsAfter(dropped, taken), []);
});

test('of two datagrams about one claim, the later one counts', () => {
  const [old, young] = [news(5, { claims: [claim('u', 1)] }), news(6, { claims: [claim('u', 2)] })];
  assert.deepEqual(claimsAfter(old, young), ['u/2']);
  assert.deepEqual(claimsAfter(young, old), ['u/2']);
});

test('a list removes the claims that it does not name, once all of its parts have arrived', () => {
  const before = news(1, { claims: ['a', 'b', 'c'].map((uid) => claim(uid)) });
  const part = (sequence: number, at: number, ...uids: readonly string[]) =>
    news(sequence, { claims: uids.map((uid) => claim(uid)), fullSync: { list: 1, part: at, parts: 2 } });
  assert.deepEqual(claimsAfter(before, part(2, 0, 'a')), ['a/1', 'b/1', 'c/1'], 'one part is missing');
  assert.deepEqual(claimsAfter(before, part(2, 0, 'a'), part(3, 0, 'a')), ['a/1', 'b/1', 'c/1'], 'the same part again');
  assert.deepEqual(claimsAfter(before, part(2, 0, 'a'), part(3, 1, 'b')), ['a/1', 'b/1']);
  assert.deepEqual(claimsAfter(before, part(3, 1, 'b'), part(2, 0, 'a')), ['a/1', 'b/1'], 'in the other order');
});

test('a list does not change claims that changed after it was made', () => {
  const all = news(2, { claims: [claim('a')], fullSync: { list: 1, part: 0, parts: 1 } });
  const later = news(3, { claims: [claim('b')], dropped: ['a'] });
  assert.deepEqual(claimsAfter(all, later), ['b/1']);
  assert.deepEqual(claimsAfter(later, all), ['b/1']);
});

test('a part of an older list is not combined with parts of a newer one', () => {
  const before = news(1, { claims: [claim('z')] });
  const newer = news(4, { claims: [claim('a')], fullSync: { list: 2, part: 0, parts: 2 } });
  const older = news(3, { claims: [claim('b')], fullSync: { list: 1, part: 1, parts: 2 } });
  assert.deepEqual(claimsAfter(before, newer, older), ['z/1']);
  assert.deepEqual(claimsAfter(before, older, newer), ['z/1']);
});
