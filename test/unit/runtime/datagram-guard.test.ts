/** The signatures that are checked when a host floods the port. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DatagramGuard } from '../../../src/runtime/datagram-guard.ts';

const peer = '192.0.2.1';
const host = '192.0.2.66';
const guardOf = () => new DatagramGuard((address) => address === peer);

/** How many of some datagrams with a wrong signature are checked. */
function checked(guard: DatagramGuard, froms: Iterable<string>, now = 0): number {
  let checks = 0;
  for (const from of froms) {
    if (!guard.admits(from, now)) continue;
    checks++;
    guard.note(from, false);
  }
  return checks;
}

test('of a flood from one host a few hundred signatures a second are checked, and other hosts are still heard', () => {
  const guard = guardOf();
  const first = checked(guard, Array(100_000).fill(host));
  assert.ok(first > 0 && first <= 500, `${first}`);
  assert.ok(guard.admits('192.0.2.67', 0));
  assert.equal(guard.admits(host, 999), false);
  assert.equal(checked(guard, Array(100_000).fill(host), 1_000), first, 'in the next second');
});

test('a flood from many forged addresses costs no more, and does not touch peers', () => {
  const guard = guardOf();
  const first = checked(
    guard,
    Array.from({ length: 100_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`),
  );
  assert.ok(first > 0 && first <= 1_000, `${first}`);
  assert.ok(guard.admits(peer, 500));
});

test('a forged address of a peer does not silence it, up to thousands of datagrams a second', () => {
  const guard = guardOf();
  checked(guard, Array(5_000).fill(peer));
  assert.ok(guard.admits(peer, 500));
  assert.ok(checked(guard, Array(100_000).fill(peer), 900) <= 20_000);
});

test('a host with signed datagrams counts as a peer, whatever address it has', () => {
  const guard = guardOf();
  guard.note(host, true);
  checked(guard, Array(5_000).fill(host));
  assert.ok(guard.admits(host, 0));
  for (let i = 0; i < 2_000; i++) guard.note(`10.0.${i >> 8}.${i & 255}`, true);
  assert.ok(
    checked(guard, Array(5_000).fill(host), 2_000) < 1_000,
    'addresses that were proven long ago are forgotten',
  );
});
