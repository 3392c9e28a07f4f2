/** What a speaker reads out of the cluster's objects. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elsewhere } from '../../../src/announce/demands.ts';
import { endpointNodes } from '../../../src/announce/endpoint-nodes.ts';
import type { EndpointSliceView } from '../../../src/api/endpoints.ts';

/** A slice of the Service `n/s`: the names of its endpoints' nodes, those that end in parentheses. */
function slice(...nodes: readonly string[]): EndpointSliceView {
  const endpoints = nodes.map((text) => ({
    addresses: [],
    node: text.replace(/[()]/g, ''),
    ready: !text.startsWith('('),
  }));
  return { name: 's-x', uid: 'u', resourceVersion: '1', service: 'n/s', endpoints };
}

test('a node whose endpoints are about to end counts only where no node has one that is ready', () => {
  const rows: readonly [string, readonly EndpointSliceView[], readonly string[]][] = [
    ['all are ready', [slice('n1', 'n2')], ['n1', 'n2']],
    ['one ends', [slice('n1', '(n2)')], ['n1']],
    ['all end', [slice('(n1)', '(n2)')], ['n1', 'n2']],
    ['one node has both', [slice('n1', '(n1)')], ['n1']],
    ['of another slice', [slice('(n1)'), slice('n2')], ['n2']],
    ['on no node', [slice('', '(n1)')], [elsewhere]],
    ['none', [slice()], []],
  ];
  for (const [desc, slices, nodes] of rows)
    assert.deepEqual([...(endpointNodes(slices).get('n/s') ?? [])], nodes, desc);
});
