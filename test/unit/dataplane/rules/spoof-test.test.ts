/** Which nodes' spoofed packets do not arrive. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpoofTests, testTimes } from '../../../../src/dataplane/rules/spoof-test.ts';

const { judgeMs } = testTimes;
const [a, b] = ['a', 'b'].map((node) => ({ node, mac: `mac of ${node}` })) as [
  { node: string; mac: string },
  { node: string; mac: string },
];
const none: ReadonlySet<string> = new Set();
const all = new Set([a.mac, b.mac]);

test("a node's spoof tests are missing only after they have been expected for long enough", () => {
  const tests = new SpoofTests();
  assert.deepEqual(tests.missing([a, b], none, 100), []);
  assert.deepEqual(tests.missing([a, b], none, 99 + judgeMs), []);
  assert.deepEqual(tests.missing([b, a], none, 100 + judgeMs), ['a', 'b']);
  assert.deepEqual(tests.missing([b, a], new Set([b.mac]), 101 + judgeMs), ['a']);
});

test('a node that joins later gets the same time', () => {
  const tests = new SpoofTests();
  tests.missing([a], none, 0);
  assert.deepEqual(tests.missing([a, b], none, judgeMs), ['a']);
  assert.deepEqual(tests.missing([a, b], none, 2 * judgeMs - 1), ['a']);
  assert.deepEqual(tests.missing([a, b], none, 2 * judgeMs), ['a', 'b']);
});

test('a node whose packets no longer arrive is missing at once: its time started long ago', () => {
  const tests = new SpoofTests();
  tests.missing([a], all, 0);
  assert.deepEqual(tests.missing([a], all, judgeMs), []);
  assert.deepEqual(tests.missing([a], none, judgeMs + 1), ['a']);
});

test('an emptied set makes no node missing', () => {
  const tests = new SpoofTests();
  tests.missing([a], all, 0);
  tests.restart();
  assert.deepEqual(tests.missing([a], none, judgeMs), []);
  assert.deepEqual(tests.missing([a], none, 2 * judgeMs), ['a']);
});

test('a missing node stays missing until a packet arrives, also if the set was emptied or the node was away', () => {
  const tests = new SpoofTests();
  tests.missing([a], none, 0);
  assert.deepEqual(tests.missing([a], none, judgeMs), ['a']);
  tests.restart();
  assert.deepEqual(tests.missing([a], none, judgeMs + 1), ['a']);
  assert.deepEqual(tests.missing([], none, judgeMs + 2), []);
  assert.deepEqual(tests.missing([a], none, judgeMs + 3), ['a']);
  assert.deepEqual(tests.missing([a], all, judgeMs + 4), []);
  tests.restart();
  assert.deepEqual(tests.missing([a], none, judgeMs + 5), []);
});

test('a new hardware address of a node gets its own time', () => {
  const tests = new SpoofTests();
  tests.missing([a], all, 0);
  assert.deepEqual(tests.missing([{ node: 'a', mac: 'another' }], none, judgeMs), []);
  assert.deepEqual(tests.missing([{ node: 'a', mac: 'another' }], none, 2 * judgeMs), ['a']);
});
