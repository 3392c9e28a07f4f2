/** Addresses that an administrator wants to be left (annotation `berth.dev/renumber` of the entry). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entry, pool, service, serviceIn } from '../fixtures.ts';
import { binds, check, outcomes, plan, releases, showing, shown } from './plans.ts';

const s = service('s', showing('192.0.2.2'));
const out = pool('p', ['192.0.2.1-192.0.2.3'], { state: 'Draining' });
const next = pool('q', ['198.51.100.1-198.51.100.2']);
const asked = { renumber: true };

test('a Service with an address of a draining pool, or of no pool, gets another one if an administrator wants it', () => {
  const ledger = [entry('192.0.2.2', s, asked)];
  const full = [entry('198.51.100.1', service('a')), entry('198.51.100.2', service('b'))];
  check([
    {
      desc: 'not wanted',
      given: { pools: [out, next], services: [s], ledger: [entry('192.0.2.2', s)] },
      expected: ['s 192.0.2.2'],
    },
    { desc: 'draining', given: { pools: [out, next], services: [s], ledger }, expected: ['s 198.51.100.1'] },
    { desc: 'in no pool', given: { pools: [next], services: [s], ledger }, expected: ['s 198.51.100.1'] },
    {
      desc: 'the pool stays in use',
      given: { pools: [{ ...out, state: 'Active' }, next], services: [s], ledger },
      expected: ['s 192.0.2.2'],
    },
    {
      desc: 'cordoned',
      given: { pools: [{ ...out, state: 'Cordoned' }, next], services: [s], ledger },
      expected: ['s 192.0.2.2'],
    },
    {
      desc: 'nothing free',
      given: { pools: [out, next], services: [s, service('a'), service('b')], ledger: [...ledger, ...full] },
      expected: ['s 192.0.2.2 PoolExhausted', 'a 198.51.100.1', 'b 198.51.100.2'],
    },
    { desc: 'no other pool', given: { pools: [out], services: [s], ledger }, expected: ['s 192.0.2.2 PoolNotActive'] },
  ]);
  const asking = service('s', { ...showing('192.0.2.2'), requests: ['192.0.2.2'] });
  check([
    { desc: 'asks for this', given: { pools: [out, next], services: [asking], ledger }, expected: ['s 192.0.2.2'] },
  ]);
});

test('the new address is bound first, and the old one is released when the status shows the new one', () => {
  const given = { pools: [out, next], services: [s], ledger: [entry('192.0.2.2', s, asked)] };
  assert.deepEqual(binds(plan(given)), ['create 198.51.100.1 q s']);
  assert.deepEqual(releases(plan(given)), []);
  const after = shown(given);
  assert.deepEqual(outcomes(plan(after)), ['s 198.51.100.1']);
  assert.deepEqual(releases(plan(after)), ['delete 192.0.2.2']);
});

test('after a crash between the two writes the Service takes no third address', () => {
  const ledger = [entry('192.0.2.2', s, asked), entry('198.51.100.2', s, { pool: 'q' })];
  const given = { pools: [out, next], services: [s], ledger };
  assert.deepEqual(outcomes(plan(given)), ['s 198.51.100.2']);
  assert.deepEqual(binds(plan(given)), []);
  assert.deepEqual(releases(plan(given)), []);
});

test('Services that share an address leave it together', () => {
  const ports = (port: number) => ({
    ports: [{ protocol: 'TCP', port }],
    sharingKey: 'default,shop/web',
    ...showing('192.0.2.2'),
  });
  const [a, b] = [service('a', ports(80)), serviceIn('shop', 'b', ports(81))];
  const refs = [a, b].map(({ namespace, name, uid, ports: own }) => ({ namespace, name, uid, ports: own }));
  const ledger = [entry('192.0.2.2', a, { services: refs, sharingKey: 'default,shop/web', ...asked })];
  assert.deepEqual(outcomes(plan({ pools: [out, next], services: [a, b], ledger })), [
    'a 198.51.100.1',
    'b 198.51.100.1',
  ]);
});

test('of the addresses of two families, only the marked one moves', () => {
  const six = pool('six', ['2001:db8::1-2001:db8::9']);
  const both = { families: ['IPv4', 'IPv6'] as const, familyPolicy: 'RequireDualStack' };
  const dual = service('s', { ...both, ...showing('192.0.2.2', '2001:db8::5') });
  const ledger = [entry('192.0.2.2', dual, asked), entry('2001:db8::5', dual, { pool: 'six' })];
  check([
    {
      desc: 'dual stack',
      given: { pools: [out, next, six], services: [dual], ledger },
      expected: ['s 198.51.100.1+2001:db8::5'],
    },
  ]);
});
