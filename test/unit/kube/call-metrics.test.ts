/** The names of API requests in the metrics. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rbacNamesOf } from '../../../src/kube/call-metrics.ts';

test('a request is named with the verbs and resources of RBAC', () => {
  const rows = [
    { method: 'GET', path: '/api/v1/services', watches: false, words: 'list services' },
    { method: 'GET', path: '/api/v1/services', watches: true, words: 'watch services' },
    { method: 'GET', path: '/api/v1/namespaces', watches: false, words: 'list namespaces' },
    { method: 'GET', path: '/api/v1/namespaces/a/services/b', watches: false, words: 'get services' },
    { method: 'GET', path: '/api/v1/namespaces/a/pods', watches: false, words: 'list pods' },
    { method: 'PATCH', path: '/api/v1/namespaces/a/services/b/status', watches: false, words: 'patch services/status' },
    { method: 'POST', path: '/apis/berth.dev/v1beta1/ipallocations', watches: false, words: 'create ipallocations' },
    { method: 'PUT', path: '/apis/berth.dev/v1beta1/ipallocations/x', watches: false, words: 'update ipallocations' },
    {
      ...{ method: 'PATCH', path: '/apis/berth.dev/v1beta1/ipallocations/x/status', watches: false },
      words: 'patch ipallocations/status',
    },
    {
      ...{ method: 'DELETE', path: '/apis/coordination.k8s.io/v1/namespaces/a/leases/b', watches: false },
      words: 'delete leases',
    },
  ];
  for (const { words, ...call } of rows) {
    const { verb, resource } = rbacNamesOf(call);
    assert.equal(`${verb} ${resource}`, words);
  }
});
