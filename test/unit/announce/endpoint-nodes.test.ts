/** The nodes to which a Service's traffic may go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { elsewhere } from '../../../src/announce/desired-vips.ts';
import { endpointNodes } from '../../../src/announce/endpoint-nodes.ts';
import type { EndpointSliceView, EndpointView } from '../../../src/api/endpoints.ts';

function slice(service: string, ...endpoints: readonly Pick<EndpointView, 'node' | 'ready'>[]): EndpointSliceView {
  const all = endpoints.map((one) => ({ addresses: ['10.0.0.1' as Ip], ...one }));
  return { name: 's', uid: 'u', resourceVersion: '1', service, endpoints: all };
}

/** The nodes of the Service `default/web`. */
function nodesOf(...slices: readonly EndpointSliceView[]): readonly string[] {
  return [...(endpointNodes(slices).get('default/web IPv4') ?? [])].sort();
}

const [ready, ending] = [
  { node: 'a', ready: true },
  { node: 'b', ready: false },
];

test('while any slice has a ready endpoint, terminating endpoints do not count', () => {
  assert.deepEqual(nodesOf(slice('default/web', ready, ending)), ['a']);
  assert.deepEqual(nodesOf(slice('default/web', ending), slice('default/web', ready)), ['a']);
});

test('where no endpoint is ready, terminating endpoints that still serve count', () => {
  assert.deepEqual(nodesOf(slice('default/web', ending), slice('default/other', ready)), ['b']);
});

test('an endpoint without a node counts as elsewhere', () => {
  assert.deepEqual(nodesOf(slice('default/web', { node: '', ready: true })), [elsewhere]);
});
