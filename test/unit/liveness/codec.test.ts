/** A claim is the same before and after the wire, and its bits mean the same to every version. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage, encodeMessage } from '../../../src/liveness/codec.ts';
import { type Claim, type ClaimDelta, noClaims } from '../../../src/liveness/messages.ts';

function newsOf(...claims: readonly Claim[]): ClaimDelta {
  return {
    ...{ kind: 'Claims', from: { node: 'n2', incarnation: '2'.repeat(16) }, sequence: 7, total: noClaims },
    ...{
      to: { node: 'n1', incarnation: '1'.repeat(16), newest: '1'.repeat(16) },
      claims,
      dropped: [],
      fullSync: undefined,
    },
  };
}

/** Claims, and the bits of their flags in a datagram. */
const rows: readonly (readonly [Claim, number])[] = [
  [{ uid: 'u', term: 3, isolated: false, leaving: false }, 0],
  [{ uid: 'u', term: 3, isolated: true, leaving: false }, 1],
  [{ uid: 'u', term: 3, isolated: false, leaving: true }, 2],
  [{ uid: 'u', term: 3, isolated: false, leaving: true, leavingTo: 'n3' }, 2],
  [{ uid: 'u', term: 3, isolated: true, leaving: true }, 3],
];

test('each flag of a claim is decoded as itself', () => {
  for (const [claim] of rows) {
    const message = decodeMessage(encodeMessage(newsOf(claim)));
    assert.deepEqual(message?.kind === 'Claims' && message.claims, [claim]);
  }
});

test('the bits of the flags are the same in every version of Berth', () => {
  for (const [claim, bits] of rows) {
    const { claims } = JSON.parse(encodeMessage(newsOf(claim))) as { readonly claims: readonly (readonly unknown[])[] };
    assert.deepEqual(claims[0]?.slice(0, 3), ['u', 3, bits]);
  }
});

test('a datagram is dropped if the term or the flags of a claim are no counts', () => {
  const text = encodeMessage(newsOf({ uid: 'u', term: 3, isolated: false, leaving: false }));
  assert.ok(text.includes('["u",3,0]'));
  for (const claim of ['["u",-1,0]', '["u",1.5,0]', '["u","3",0]', '["u",3,-1]', '["u",3]', '[3,3,0]', '["u",3,0,4]']) {
    assert.equal(decodeMessage(text.replace('["u",3,0]', claim)), undefined, claim);
  }
});
