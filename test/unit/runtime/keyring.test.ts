/** A changed key file reaches the nodes at different times: they must hear each other meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Keyring } from '../../../src/runtime/keyring.ts';

const [a, b, c] = ['a', 'b', 'c'].map((letter) => Buffer.from(letter.repeat(32))) as [Buffer, Buffer, Buffer];
const minute = 60_000;
const hears = (one: Keyring, other: Keyring, now: number) =>
  one.accepted(now).some((key) => key.equals(other.signing(now)));

test('the first key signs, and all are accepted', () => {
  const ring = new Keyring([a, b]);
  assert.equal(ring.signing(0), a);
  assert.deepEqual(ring.accepted(0), [a, b]);
});

test('when the order of known keys changes, the new first one signs at once', () => {
  const ring = new Keyring([a, b]);
  ring.replace([b, a], 0);
  assert.equal(ring.signing(0), b);
});

test('a key that is removed in a change by steps is not accepted any more', () => {
  const ring = new Keyring([a, b]);
  ring.replace([b, c], 0);
  assert.deepEqual([ring.signing(0), ring.accepted(0)], [b, [b, c]]);
});

test('when all keys are replaced at once, nodes hear each other although one reads the file two minutes later', () => {
  const [early, late] = [new Keyring([a]), new Keyring([a])];
  for (let now = 0; now <= 10 * minute; now += 5_000) {
    if (now === minute) early.replace([b], now);
    if (now === 3 * minute) late.replace([b], now);
    assert.ok(hears(early, late, now), `the early one does not hear the late one at ${now}`);
    assert.ok(hears(late, early, now), `the late one does not hear the early one at ${now}`);
  }
  assert.deepEqual([early.signing(10 * minute), early.accepted(10 * minute)], [b, [b]]);
});

test('a key that was removed is not accepted for ever, however often the file changes', () => {
  const ring = new Keyring([a]);
  ring.replace([b], 0);
  ring.replace([c], minute);
  assert.equal(ring.signing(minute), a, 'the other nodes may still have the first file');
  assert.deepEqual(ring.accepted(minute), [c, a, b]);
  assert.equal(ring.signing(4 * minute), c);
  assert.deepEqual(ring.accepted(7 * minute), [c]);
});

test('a key that returns to the file stays', () => {
  const ring = new Keyring([a]);
  ring.replace([b], 0);
  ring.replace([a], minute);
  assert.equal(ring.signing(minute), a);
  assert.deepEqual(ring.accepted(8 * minute), [a]);
});
