/** Pools that give out no new addresses. */
import { test } from 'node:test';
import { entry, pool, service } from '../fixtures.ts';
import { again, check } from './plans.ts';

const s = service('s');

test('cordoned and draining pools give nothing new; their addresses stay, if cordoned even when a Service is created again', () => {
  const resting = (state: 'Cordoned' | 'Draining') => [
    pool('p', ['192.0.2.1-192.0.2.3'], { state }),
    pool('q', ['192.0.2.9']),
  ];
  const ledger = [entry('192.0.2.2', s)];
  for (const state of ['Cordoned', 'Draining'] as const) {
    const pools = resting(state);
    const returned = state === 'Cordoned' ? 's 192.0.2.2' : 's 192.0.2.9';
    check([
      { desc: 'new', given: { pools, services: [s] }, expected: ['s 192.0.2.9'] },
      {
        desc: 'asks for an address',
        given: { pools, services: [service('s', { requests: ['192.0.2.1'] })] },
        expected: ['s PoolNotActive'],
      },
      {
        desc: 'asks for the pool',
        given: { pools, services: [service('s', { requestedPools: ['p'] })] },
        expected: ['s PoolNotActive'],
      },
      { desc: 'has one', given: { pools, services: [s], ledger }, expected: ['s 192.0.2.2'] },
      {
        desc: 'has one and asks for another of the same pool',
        given: { pools, services: [service('s', { requests: ['192.0.2.3'] })], ledger },
        expected: ['s 192.0.2.2 PoolNotActive'],
      },
      { desc: 'created again', given: { pools, services: [again(s)], ledger }, expected: [returned] },
      {
        desc: 'created again, asks for its former address',
        given: { pools, services: [again(s, { requests: ['192.0.2.2'] })], ledger },
        expected: [state === 'Cordoned' ? 's 192.0.2.2' : 's PoolNotActive'],
      },
      {
        desc: 'created again, asks for the other pool',
        given: { pools, services: [again(s, { requestedPools: ['q'] })], ledger },
        expected: ['s 192.0.2.9'],
      },
      {
        desc: 'created again, asks for another pool that is full',
        given: {
          pools,
          services: [again(s, { requestedPools: ['q'] }), service('x')],
          ledger: [...ledger, entry('192.0.2.9', service('x'), { pool: 'q' })],
        },
        expected: [state === 'Cordoned' ? 's 192.0.2.2 PoolExhausted' : 's PoolExhausted', 'x 192.0.2.9'],
      },
    ]);
  }
});
