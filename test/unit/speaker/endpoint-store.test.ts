/** Which changes of EndpointSlices count as a change of the cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EndpointSliceView, parseEndpointSlice } from '../../../src/api/endpoints.ts';
import { EndpointStore } from '../../../src/speaker/endpoint-store.ts';

let version = 1;

/** A slice of a Service, with endpoints as `ADDRESS NODE`, or `ADDRESS NODE ending`. */
function slice(service: string, ...endpoints: readonly string[]): EndpointSliceView {
  const labels = { 'kubernetes.io/service-name': service };
  const metadata = { name: service, namespace: 'n', uid: `uid-${service}`, resourceVersion: `${++version}`, labels };
  const raw = endpoints.map((text) => {
    const [address = '', nodeName = '', ending] = text.split(' ');
    return { addresses: [address], nodeName, conditions: { ready: ending === undefined, serving: true } };
  });
  return parseEndpointSlice({ metadata, endpoints: raw }) ?? assert.fail();
}

/** A store of these slices, and whether what has happened since the last call counts. */
function watched(...slices: readonly EndpointSliceView[]) {
  const store = new EndpointStore();
  store.replace(slices, '1');
  let seen = store.answersRevision;
  const hasChanged = () => {
    const before = seen;
    seen = store.answersRevision;
    return before !== seen;
  };
  return { store, hasChanged };
}

test('a slice of a Service that nothing depends on does not count', () => {
  const { store, hasChanged } = watched(slice('web', '10.0.0.1 a'));
  store.isServed('n/web', 'IPv4');
  store.put(slice('other', '10.0.0.2 b'));
  store.put(slice('other'));
  store.remove('uid-other', `${++version}`);
  assert.equal(hasChanged(), false);
});

test('a slice counts only if it changes an answer that was given', () => {
  const [isServed, nodes, counts] = [
    (store: EndpointStore) => store.isServed('n/web', 'IPv4'),
    (store: EndpointStore) => store.nodes.get('n/web IPv4')?.has('a'),
    (store: EndpointStore) => store.countsOf('n/web', 'IPv4').size,
  ];
  const rows: readonly [string, readonly string[], readonly (readonly [typeof counts | typeof nodes, boolean])[]][] = [
    [
      'a Pod more on the same node',
      ['10.0.0.1 a', '10.0.0.2 a'],
      [
        [isServed, false],
        [nodes, false],
        [counts, true],
      ],
    ],
    [
      'a Pod on another node',
      ['10.0.0.1 a', '10.0.0.2 b'],
      [
        [isServed, false],
        [nodes, true],
        [counts, true],
      ],
    ],
    [
      'another address',
      ['10.0.0.9 a'],
      [
        [isServed, false],
        [nodes, false],
        [counts, false],
      ],
    ],
    [
      'a Pod ends, and none is ready',
      ['10.0.0.1 a ending'],
      [
        [isServed, false],
        [nodes, false],
        [counts, false],
      ],
    ],
    [
      'the last Pod is gone',
      [],
      [
        [isServed, true],
        [nodes, true],
        [counts, true],
      ],
    ],
    [
      'an address of the other family',
      ['fd00::1 a'],
      [
        [isServed, true],
        [nodes, true],
        [counts, true],
      ],
    ],
  ];
  for (const [desc, endpoints, asked] of rows) {
    for (const [ask, expected] of asked) {
      const { store, hasChanged } = watched(slice('web', '10.0.0.1 a'));
      ask(store);
      store.put(slice('web', ...endpoints));
      assert.equal(hasChanged(), expected, desc);
    }
  }
});

test('the first endpoint of a Service counts, also if it had no slice when it was asked about', () => {
  const { store, hasChanged } = watched();
  assert.equal(store.isServed('n/web', 'IPv4'), false);
  store.put(slice('web', '10.0.0.1 a'));
  assert.equal(hasChanged(), true);
  assert.equal(store.isServed('n/web', 'IPv4'), true);
  store.remove('uid-web', `${++version}`);
  assert.equal(hasChanged(), true);
  assert.equal(store.isServed('n/web', 'IPv4'), false);
});

test('a slice that goes over to another Service counts for both', () => {
  for (const asked of ['n/web', 'n/other']) {
    const { store, hasChanged } = watched(slice('web', '10.0.0.1 a'));
    const before = store.isServed(asked, 'IPv4');
    store.put({ ...slice('other', '10.0.0.1 a'), uid: 'uid-web' });
    assert.equal(hasChanged(), true);
    assert.equal(store.isServed(asked, 'IPv4'), !before);
  }
});

test('while a node is watched, each slice counts that names it, or an address that another slice has there', () => {
  const { store, hasChanged } = watched(slice('web', '10.0.0.1 dead'));
  store.watchNodes(['dead']);
  store.put(slice('b', '10.0.0.2 well'));
  assert.equal(hasChanged(), false);
  store.put(slice('c', '10.0.0.3 dead'));
  assert.equal(hasChanged(), true);
  store.put(slice('d', '10.0.0.1 well'));
  assert.equal(hasChanged(), true, 'the address may be in use elsewhere');
  store.remove('uid-d', `${++version}`);
  assert.equal(hasChanged(), true);
  store.watchNodes([]);
  store.remove('uid-web', `${++version}`);
  assert.equal(hasChanged(), false);
});

test('a list counts, and Services that are gone are forgotten', () => {
  const { store, hasChanged } = watched();
  store.replace([], '2');
  assert.equal(hasChanged(), true);
  for (let i = 0; i < 20_000; i++) store.isServed(`n/gone-${i}`, 'IPv4');
  assert.equal(hasChanged(), false);
  store.isServed('n/one-more', 'IPv4');
  assert.equal(hasChanged(), true);
});
