/** Which hand-off a Service gets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crowdedOut, type HandOff, handOffOf, ipModeOf } from '../../../src/api/hand-off.ts';
import { service, serviceIn } from '../fixtures.ts';

const ranges = (count: number) => Array.from({ length: count }, () => ({}));

test('a Service gets the hand-off that it requests, as far as its ports allow', () => {
  const tcp = { protocol: 'TCP', port: 80 };
  const rows: readonly [string, string | undefined, HandOff, object, HandOff, string?][] = [
    ['no request', undefined, 'KubeProxy', {}, 'KubeProxy'],
    ['the default of the installation', undefined, 'NodePort', {}, 'NodePort'],
    ['NodePort', 'NodePort', 'KubeProxy', {}, 'NodePort'],
    ['KubeProxy', 'KubeProxy', 'NodePort', {}, 'KubeProxy'],
    ['an unknown word', 'nodeport', 'KubeProxy', {}, 'KubeProxy', 'UnknownHandOff'],
    ['an unknown word, with another default', '', 'NodePort', {}, 'NodePort', 'UnknownHandOff'],
    ['no node port', 'NodePort', 'KubeProxy', { nodePorts: [0] }, 'KubeProxy', 'NoNodePorts'],
    ['no node port, by default', undefined, 'NodePort', { nodePorts: [] }, 'KubeProxy', 'NoNodePorts'],
    ['KubeProxy needs no node port', 'KubeProxy', 'NodePort', { nodePorts: [] }, 'KubeProxy'],
    [
      'one of two ports has no node port',
      'NodePort',
      'KubeProxy',
      { ports: [tcp, { ...tcp, port: 443 }], nodePorts: [30_080, 0] },
      'KubeProxy',
      'NoNodePorts',
    ],
    [
      'TCP and UDP',
      'NodePort',
      'KubeProxy',
      { ports: [tcp, { protocol: 'UDP', port: 53 }], nodePorts: [30_080, 30_053] },
      'NodePort',
    ],
    [
      'SCTP',
      'NodePort',
      'KubeProxy',
      { ports: [tcp, { protocol: 'SCTP', port: 5000 }], nodePorts: [30_080, 30_500] },
      'KubeProxy',
      'UnsupportedProtocol',
    ],
    ['as many ranges as nodes can check', 'NodePort', 'KubeProxy', { sourceRanges: ranges(10_000) }, 'NodePort'],
    [
      'more',
      'NodePort',
      'KubeProxy',
      { sourceRanges: ranges(5_001), ports: [tcp, { ...tcp, port: 443 }], nodePorts: [30_080, 30_443] },
      'KubeProxy',
      'TooManySourceRanges',
    ],
    ['KubeProxy needs none', 'KubeProxy', 'NodePort', { sourceRanges: ranges(10_001) }, 'KubeProxy'],
  ];
  for (const [desc, handOff, byDefault, facts, expected, reason] of rows) {
    const choice = handOffOf(service('s', { handOff, ...facts }), byDefault);
    assert.deepEqual([choice.handOff, choice.reason], [expected, reason], desc);
    assert.equal(choice.message === undefined, reason === undefined, desc);
  }
});

test('the message about a refused hand-off names the port, or the valid values', () => {
  const message = (facts: object) => handOffOf(service('s', { handOff: 'NodePort', ...facts }), 'KubeProxy').message;
  assert.match(message({ nodePorts: [0] }) ?? '', /^port 80 has no node port/);
  assert.match(message({ ports: [{ protocol: 'SCTP', port: 5000 }] }) ?? '', /^port 5000 uses SCTP/);
  assert.match(message({ handOff: 'x' }) ?? '', /"x": it must be KubeProxy or NodePort$/);
});

test('ipMode in the status tells kube-proxy whether to handle the VIP itself', () => {
  assert.deepEqual([ipModeOf({ handOff: 'KubeProxy' }), ipModeOf({ handOff: 'NodePort' })], ['VIP', 'Proxy']);
});

test('the Services of one namespace share a number of source ranges, the oldest first; other namespaces are not affected', () => {
  const sourceRanges = ranges(10_000) as never;
  const of = (namespace: string, day: number, facts: object = {}) =>
    serviceIn(namespace, `s${day}`, {
      created: `2026-01-0${day}T00:00:00Z`,
      handOff: 'NodePort',
      sourceRanges,
      ...facts,
    });
  const small = { sourceRanges: ranges(1) as never };
  const services = [
    ...[7, 5, 3, 1].map((day) => of('greedy', day)),
    of('greedy', 2, { handOff: 'KubeProxy' }),
    of('greedy', 4, { isLoadBalancer: false }),
    ...[of('greedy', 6), of('greedy', 8), of('greedy', 9, small), of('other', 9)],
  ];
  const crowded = crowdedOut(services, 'KubeProxy');
  const left = services.filter((one) => handOffOf(one, 'KubeProxy', crowded).reason === 'TooManySourceRanges');
  assert.deepEqual(
    left.map(({ key }) => key),
    ['greedy/s7', 'greedy/s5', 'greedy/s6', 'greedy/s8', 'greedy/s9'],
    'the two oldest ones have as many as a namespace may have',
  );
  assert.deepEqual([...crowdedOut(services.slice(0, 2), 'NodePort')], []);
  const [last] = left;
  assert.match(
    last ? (handOffOf(last, 'KubeProxy', crowded).message ?? '') : '',
    /^the older Services of namespace greedy/,
  );
});
