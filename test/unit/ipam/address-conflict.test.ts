/** Addresses that another host has: which Services leave them, which ones stay, and how the addresses are kept back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AllocationView } from '../../../src/api/allocation.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { entry, pool, service } from '../fixtures.ts';
import { assignedTo, decisionOf, outcomes, plan, releases, showing } from './plans.ts';

const p = pool('p', ['192.0.2.1-192.0.2.9']);
const since = '2026-01-01T00:00:00Z';
const mac = '02:00:00:00:00:99';

/** What a speaker writes after it found another host at the address. */
function taken(reason = 'AddressTaken', facts: Partial<AllocationView> = {}): Partial<AllocationView> {
  const message = `another host, ${mac}`;
  const condition = { type: 'Conflict', status: 'True', reason, message, lastTransitionTime: since } as const;
  return { conflict: { mac }, conditions: [condition], recorded: { node: 'n1', term: 1 }, ...facts };
}

/** An address that a Service had to leave. */
function keptBack(address: string, { namespace, name, uid }: ServiceView): AllocationView {
  const quarantine = { service: { namespace, name, uid }, reason: 'AddressTaken', message: '', mac };
  return entry(address, service(name), { services: [], reservedUntil: 3_600_000, quarantine });
}

const shows = service('s', showing('192.0.2.1'));

test('a Service leaves an address that another host has, if it did not ask for it and no client can use it yet', () => {
  const asks = { ...shows, requests: ['192.0.2.1'] };
  const rows: readonly [string, ServiceView, Partial<AllocationView>, readonly AllocationView[], string][] = [
    ['never announced', shows, taken(), [], 's 192.0.2.2'],
    ['the edge of the subnet', shows, taken('NetworkAddress'), [], 's 192.0.2.2'],
    ['another program of the cluster', shows, taken('AnnouncedByOtherProgram'), [], 's 192.0.2.1'],
    ['it asked for it', asks, taken(), [], 's 192.0.2.1'],
    ['announced before', shows, taken('AddressTaken', { recorded: { node: 'n1', term: 1, since } }), [], 's 192.0.2.1'],
    ['adopted', shows, taken('AddressTaken', { adopted: true }), [], 's 192.0.2.1'],
    ['moved twice', shows, taken(), ['192.0.2.2', '192.0.2.3'].map((ip) => keptBack(ip, shows)), 's 192.0.2.4'],
    [
      'moved three times',
      shows,
      taken(),
      ['192.0.2.2', '192.0.2.3', '192.0.2.4'].map((ip) => keptBack(ip, shows)),
      's 192.0.2.1',
    ],
  ];
  for (const [desc, svc, facts, others, expected] of rows) {
    const of = plan({ pools: [p], services: [svc], ledger: [entry('192.0.2.1', svc, facts), ...others] });
    assert.deepEqual(outcomes(of), [expected], desc);
  }
});

test('a Service that leaves reports the reason, and no other Service gets the address, not even by request or by its key', () => {
  const sharing = { sharingKey: 'k' };
  const first = service('s', { ...showing('192.0.2.1'), ...sharing });
  const second = service('t', { ...showing('192.0.2.1'), ...sharing, ports: [{ protocol: 'TCP', port: 81 }] });
  const asks = service('u', { requests: ['192.0.2.1'] });
  const services = [first, second].map(({ namespace, name, uid, ports }) => ({ namespace, name, uid, ports }));
  const entryOfBoth = entry('192.0.2.1', first, { ...taken(), services, sharingKey: 'default/k' });
  const of = plan({ pools: [p], services: [first, second, asks], ledger: [entryOfBoth] });
  assert.deepEqual(outcomes(of), ['s 192.0.2.2', 't 192.0.2.2', 'u AddressConflict']);
  assert.equal(assignedTo(of, 's').evicted?.reason, 'AddressConflict');
});

test('the address is kept back for an hour after no Service shows it, with a record of the conflict', () => {
  const moved = service('s', showing('192.0.2.2'));
  const ledger = [entry('192.0.2.1', moved, taken()), entry('192.0.2.2', moved)];
  const of = plan({ pools: [p], services: [moved], ledger });
  assert.deepEqual(outcomes(of), ['s 192.0.2.2']);
  assert.deepEqual(releases(of), ['update 192.0.2.1 p - until 3600000']);
  const { quarantine } = of.releases[0]?.spec ?? {};
  assert.deepEqual([quarantine?.reason, quarantine?.mac, quarantine?.service.name], ['AddressTaken', mac, 's']);
  const later = plan({ pools: [p], services: [service('x')], ledger: [keptBack('192.0.2.1', moved)] });
  assert.deepEqual(outcomes(later), ['x 192.0.2.2']);
  const asked = plan({
    pools: [p],
    services: [service('x', { requests: ['192.0.2.1'] })],
    ledger: [keptBack('192.0.2.1', moved)],
  });
  assert.deepEqual(decisionOf(asked, 'x').reason, 'AddressConflict');
});

test('a crash between the writes of a move changes nothing', () => {
  const ledger = [entry('192.0.2.1', shows, taken()), entry('192.0.2.2', shows)];
  assert.deepEqual(outcomes(plan({ pools: [p], services: [shows], ledger })), ['s 192.0.2.2']);
  assert.deepEqual(releases(plan({ pools: [p], services: [shows], ledger })), []);
});

test('without another free address the Service waits, and its message names the hardware address of the other host', () => {
  const one = pool('p', ['192.0.2.1']);
  const of = plan({ pools: [one], services: [shows], ledger: [entry('192.0.2.1', shows, taken())] });
  const { reason, message } = decisionOf(of, 's');
  assert.deepEqual([reason, message.includes(mac)], ['AddressConflict', true]);
});
