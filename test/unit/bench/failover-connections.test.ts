/** Which connections must survive an event. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passedBy, survivalOf, type Way } from '../../bench/failover-connections.ts';

const ways: readonly Way[] = [
  { name: 'node1', ip: '10.100.0.11', pod: '10.150.1.7' },
  { name: 'node2', ip: '10.100.0.12', pod: '10.150.2.7' },
  { name: 'node3', ip: '10.100.0.13', pod: '10.150.3.7' },
];

test("a node whose address hides the client forwarded the connection; otherwise the client reached the Pod's node directly", () => {
  assert.equal(passedBy({ node: 'node1', peer: '::ffff:10.100.0.12' }, ways), 'node2');
  assert.equal(passedBy({ node: 'node1', peer: '10.150.1.1' }, ways), 'node1');
  assert.equal(passedBy({ node: 'node3', peer: '10.100.0.3' }, ways), 'node3');
});

test('only connections through a dead node, to a dead node or to an ended Pod may be lost', () => {
  const echo = (through: number, node: number, fault?: string) => ({
    ...{ pod: `pod${node}`, node: `node${node}`, fault },
    peer: through === node ? `10.150.${node}.1` : `10.100.0.1${through}`,
  });
  const echoes = [
    echo(1, 2, 'stuck'),
    echo(2, 1, 'stuck'),
    echo(2, 2),
    echo(2, 3, 'stuck'),
    { ...echo(3, 3, 'closed'), pod: 'old' },
  ];
  const gone = { nodes: ['node1'], podsLeft: new Set(['pod1', 'pod2', 'pod3']) };
  assert.deepEqual(survivalOf(echoes, ways, gone), {
    untouched: 2,
    untouchedAlive: 1,
    touched: 3,
    touchedAlive: 0,
    through: { node1: 1, node2: 3, node3: 1 },
    lost: ['node2 to pod3 on node3: stuck'],
  });
});
