/** On which nodes a Service may get traffic. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elsewhere } from '../../../src/announce/desired-vips.ts';
import { endpointNodes } from '../../../src/announce/endpoint-nodes.ts';
import type { EndpointSliceView, EndpointView } from '../../../src/api/endpoints.ts';

function slice(service: string, ...endpoints: readonly Pick<EndpointView, 'node' | 'ready'>[]): EndpointSliceView {
  const all = endpoints.map((one) => ({ addresses: [], ...one }));
  return { name: 's', uid: 'u', resourceVersion: '1', service, endpoints: all };
}

/** The nodes of the Service `default/web`. */
function nodesOf(...slices: readonly EndpointSliceView[]): readonly string[] {
  return [...(endpointNodes(slices).get('default/web') ?? [])].sort();
}

const [ready, ending] = [
  { node: 'a', ready: true },
  { node: 'b', ready: false },
];

test('while an endpoint is ready, those that end do not count, in whatever slice they stand', () => {
  assert.deepEqual(nodesOf(slice('default/web', ready, ending)), ['a']);
  assert.deepEqual(nodesOf(slice('default/web', ending), slice('default/web', ready)), ['a']);
});

test('where none is ready, those that serve while they end do', () => {
  assert.deepEqual(nodesOf(slice('default/web', ending), slice('default/other', ready)), ['b']);
});

test('an endpoint without a node is somewhere else', () => {
  assert.deepEqual(nodesOf(slice('default/web', { node: '', ready: true })), [elsewhere]);
});
