/** The invariants of the cluster tests find every violation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EntryFact, ServiceFact } from '../../cluster/history.ts';
import { disagreements, renumberedIn, violationsIn } from '../../cluster/invariants.ts';

const [ip, other] = ['198.18.0.1', '198.18.0.2'] as const;

function service(version: number, name: string, more: Partial<ServiceFact> = {}): ServiceFact {
  const base = { kind: 'service', version, heardAt: 0, gone: false, uid: name, key: `ns/${name}` } as const;
  return { ...base, live: true, ips: [ip], request: undefined, port: 80, sharingKey: undefined, ...more };
}

function entry(version: number, ...uids: readonly string[]): EntryFact {
  return { kind: 'entry', version, heardAt: 0, gone: uids.length === 0, address: ip, uids };
}

const rulesIn = (facts: Parameters<typeof violationsIn>[0]) => violationsIn(facts).map(({ rule }) => rule);
/** A status while a finalizer keeps the Service: the address is still shown. */
const terminating = { live: false } as const;
const gone = { live: false, gone: true, ips: [] } as const;

test('an entry before the status, and the end of the status before the end of the entry, is correct', () => {
  assert.deepEqual(rulesIn([entry(1, 'a'), service(2, 'a'), service(3, 'a', gone), entry(4)]), []);
});

test('facts are judged in the order in which they became true, not in the order of their arrival', () => {
  assert.deepEqual(rulesIn([service(2, 'a'), entry(4), service(3, 'a', gone), entry(1, 'a')]), []);
  assert.deepEqual(rulesIn([entry(2, 'a'), service(1, 'a')]), ['uncovered']);
});

test('an address that a Service shows while it is being deleted is still in use', () => {
  const until = [entry(1, 'a'), service(2, 'a'), service(3, 'a', terminating)];
  assert.deepEqual(rulesIn(until), []);
  assert.deepEqual(rulesIn([...until, entry(4)]), ['uncovered']);
  assert.deepEqual(rulesIn([...until, entry(4, 'b'), service(5, 'b')]), ['uncovered', 'doubled']);
  assert.deepEqual(rulesIn([...until, service(4, 'a', gone), entry(5, 'b'), service(6, 'b')]), []);
});

test('an address that a Service of another type shows is still in use', () => {
  const until = [entry(1, 'a'), service(2, 'a'), service(3, 'a', { live: false })];
  assert.deepEqual(rulesIn([...until, entry(4)]), ['uncovered']);
  assert.deepEqual(rulesIn([...until, service(4, 'a', { live: false, ips: [] }), entry(5)]), []);
});

test('two Services may show one address only with the same key and different ports', () => {
  const both = (a: Partial<ServiceFact>, b: Partial<ServiceFact>) =>
    rulesIn([entry(1, 'a', 'b'), service(2, 'a', a), service(3, 'b', b)]);
  assert.deepEqual(both({ sharingKey: 'k', port: 80 }, { sharingKey: 'k', port: 81 }), []);
  assert.deepEqual(both({ sharingKey: 'k', port: 80 }, { sharingKey: 'k', port: 80 }), ['collided']);
  assert.deepEqual(both({ sharingKey: 'k', port: 80 }, { sharingKey: 'l', port: 81 }), ['collided']);
  assert.deepEqual(both({ port: 80 }, { port: 81 }), ['collided']);
  const elsewhere = { sharingKey: 'k', port: 81, key: 'other/b' };
  assert.deepEqual(both({ sharingKey: 'k', port: 80 }, elsewhere), ['collided']);
});

test('a Service that loses its address without a request for another one is found', () => {
  const change = (more: Partial<ServiceFact>) =>
    renumberedIn([service(1, 'a'), service(2, 'a', more)]).map(({ rule }) => rule);
  assert.deepEqual(change({ ips: [other] }), ['renumbered']);
  assert.deepEqual(change({ ips: [] }), ['renumbered']);
  assert.deepEqual(change({ ips: [other], request: other }), []);
  assert.deepEqual(change(gone), []);
});

test('at rest every Service has one address, and the ledger names exactly the Services that show theirs', () => {
  const words = (services: readonly ServiceFact[], entries: readonly EntryFact[]) =>
    disagreements({ services, entries }).map((text) => text.replace(/ \(.*\)/, ''));
  assert.deepEqual(words([service(1, 'a')], [entry(2, 'a')]), []);
  assert.deepEqual(words([service(1, 'a', { ips: [] })], []), ['ns/a has 0 addresses']);
  assert.deepEqual(words([service(1, 'a', terminating)], [entry(2, 'a')]), []);
  const uncovered = `ns/a shows ${ip}, which the ledger does not give it`;
  assert.deepEqual(words([service(1, 'a', terminating)], []), [uncovered]);
  assert.deepEqual(words([], [entry(1, 'a')]), [`entry ${ip} names a, which is gone`]);
  assert.deepEqual(words([], [entry(1)]), [`entry ${ip} names nobody`]);
});
