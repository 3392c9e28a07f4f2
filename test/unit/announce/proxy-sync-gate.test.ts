/** When the first announcement of a VIP may start. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { ProxySyncGate, patienceMs, syncedMs } from '../../../src/announce/proxy-sync-gate.ts';

const first = { uid: 'u', address: '192.0.2.1' as Ip, isFirst: true, links: ['eth0'] };
const start = 1_000_000;
const wrote = (at: number, isHealthy = false) => ({ IPv4: { at, isHealthy } });

/** A moment on a clock that is not set. The monotonic clock has another origin. */
const at = (wall: number) => ({ wall, monotonic: wall - start });

function waiting(held = first): ProxySyncGate {
  const readinesses = new ProxySyncGate();
  readinesses.observe([held], 0);
  return readinesses;
}

test('a first announcement waits until kube-proxy has written its rules', () => {
  const all = waiting();
  assert.equal(all.of('u'), 'Pending');
  assert.equal(all.take(wrote(start - 1), at(start + 100)), false);
  assert.equal(all.of('u'), 'Pending');
  assert.equal(all.take(wrote(start), at(start + 200)), true);
  assert.equal(all.of('u'), 'Ready');
  assert.equal(all.needsReport, false);
});

test("after two seconds without kube-proxy's rules a VIP is announced, and reported as unproven until they are written", () => {
  const all = waiting();
  assert.equal(all.take(wrote(start - 1), at(start + patienceMs - 1)), false);
  assert.equal(all.take(wrote(start - 1), at(start + patienceMs)), true);
  assert.deepEqual([all.of('u'), all.isPending, all.needsReport], ['Unproven', false, true]);
  assert.equal(all.take(wrote(start + 3_000), at(start + 4_000)), true);
  assert.equal(all.of('u'), 'Ready');
});

test('after ten seconds it is enough that kube-proxy reports itself up to date: it may have had the VIP for long', () => {
  const all = waiting();
  all.take(wrote(start - 60_000, true), at(start + patienceMs));
  assert.equal(all.of('u'), 'Unproven');
  assert.equal(all.take(wrote(start - 60_000, false), at(start + syncedMs)), false);
  assert.equal(all.take(wrote(start - 60_000, true), at(start + syncedMs - 1)), false);
  assert.equal(all.take(wrote(start - 60_000, true), at(start + syncedMs)), true);
  assert.equal(all.of('u'), 'Ready');
});

test('no VIP waits for a kube-proxy that is absent or does not report', () => {
  for (const last of [undefined, {}, { IPv6: { at: start - 1, isHealthy: true } }]) {
    const all = waiting();
    assert.equal(all.take(last, at(start + 1)), true);
    assert.equal(all.of('u'), 'Ready');
  }
});

test('a VIP that was announced before never waits for kube-proxy, neither at a takeover nor at a restart', () => {
  assert.equal(waiting({ ...first, isFirst: false }).of('u'), 'Ready');
});

test('a VIP still waits after the ledger has recorded its announcement, and is forgotten when it is no longer held', () => {
  const all = waiting();
  all.observe([{ ...first, isFirst: false }], 100);
  assert.equal(all.of('u'), 'Pending');
  all.observe([], 200);
  assert.equal(all.of('u'), 'Ready');
});

const hour = 3_600_000;

test('a clock that is set back delays no first announcement', () => {
  const all = waiting();
  const set = (monotonic: number) => ({ wall: start - hour + monotonic, monotonic });
  all.take(wrote(start - 1 - 2 * hour), set(patienceMs - 1));
  assert.equal(all.of('u'), 'Pending');
  all.take(wrote(start - 1 - 2 * hour), set(patienceMs));
  assert.equal(all.of('u'), 'Unproven');
  all.take(wrote(start - hour + 3_000), set(4_000));
  assert.equal(all.of('u'), 'Ready');
});

test('a clock that is set forward neither ends the wait nor proves anything', () => {
  const all = waiting();
  const set = (monotonic: number) => ({ wall: start + hour + monotonic, monotonic });
  all.take(wrote(start - 1), set(100));
  assert.equal(all.of('u'), 'Pending');
  all.take(wrote(start + hour + 150), set(200));
  assert.equal(all.of('u'), 'Ready');
});
