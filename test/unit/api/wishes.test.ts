/** Only an explicit request of a person or a node counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNode } from '../../../src/api/node.ts';
import { parseService } from '../../../src/api/service.ts';

const identity = { name: 'x', uid: 'u', resourceVersion: '1' };

test('a Service is taken over only if the annotation requests it', () => {
  const takesOver = (annotations: Readonly<Record<string, string>>) =>
    parseService({ metadata: { ...identity, namespace: 'n', annotations }, spec: { type: 'LoadBalancer' } }).takeOver;
  assert.equal(takesOver({ 'berth.dev/take-over': 'true' }), true);
  assert.equal(takesOver({}), false);
  for (const value of ['false', 'no', '0', '']) assert.equal(takesOver({ 'berth.dev/take-over': value }), false, value);
});

test('a node gives its VIPs away if a person requests it, while it shuts down or is deleted, and for no other reason', () => {
  const drains = (ready: { readonly status: string; readonly message?: string }, annotations = {}) => {
    const conditions = [
      { type: 'MemoryPressure', status: 'False', message: 'node is shutting down' },
      { type: 'Ready', ...ready },
    ];
    return parseNode({ metadata: { ...identity, annotations }, status: { conditions } }).draining;
  };
  assert.equal(drains({ status: 'True' }), false);
  assert.equal(drains({ status: 'True' }, { 'berth.dev/drain': '' }), true);
  for (const value of ['false', 'No', ' off\n', '0']) {
    assert.equal(drains({ status: 'True' }, { 'berth.dev/drain': value }), false, value);
  }
  assert.equal(drains({ status: 'False', message: 'node is shutting down' }), true);
  assert.equal(drains({ status: 'True', message: 'node is shutting down' }), false);
  assert.equal(drains({ status: 'False', message: 'container runtime is down' }), false);
  assert.equal(drains({ status: 'False' }), false);
  assert.equal(drains({ status: 'Unknown', message: 'Kubelet stopped posting node status.' }), false);
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  assert.equal(parseNode({ metadata: { ...identity, deletionTimestamp } }).draining, true);
});
