/** Which VIPs have no endpoint behind them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elsewhere } from '../../../src/announce/desired-vips.ts';
import { isIdle } from '../../../src/announce/idle.ts';
import { entry, service } from '../fixtures.ts';

const address = '192.0.2.1';
const ingress = [{ ip: address }];

test('an address is idle where kube-proxy of this node has no serving endpoint to use', () => {
  const rows: readonly [string, { local?: boolean; nodes: readonly string[] | undefined }, boolean][] = [
    ['no slice', { nodes: undefined }, true],
    ['empty slices', { nodes: [] }, true],
    ['an endpoint at another node', { nodes: ['n2'] }, false],
    ['an endpoint at no node', { nodes: [elsewhere] }, false],
    ['Local, an endpoint here', { local: true, nodes: ['n1', 'n2'] }, false],
    ['Local, an endpoint at another node', { local: true, nodes: ['n2'] }, true],
    ['Local, an endpoint at no node', { local: true, nodes: [elsewhere] }, true],
  ];
  for (const [desc, { local = false, nodes }, expected] of rows) {
    const one = service('one', { local, ingress });
    const endpointNodes = new Map(nodes === undefined ? [] : [[`${one.key} IPv4`, new Set(nodes)]]);
    assert.equal(isIdle(entry(address, one), { service: () => one, endpointNodes }, 'n1'), expected, desc);
  }
});

test('one endpoint is enough for Services that share an address; a Service that does not show the address does not count', () => {
  const [idle, busy] = [service('idle', { ingress }), service('busy', { ingress })];
  const endpointNodes = new Map([[`${busy.key} IPv4`, new Set(['n1'])]]);
  const refs = [idle, busy].map(({ namespace, name, uid, ports }) => ({ namespace, name, uid, ports }));
  const shared = { ...entry(address, idle), services: refs };
  const of = (...views: readonly (typeof idle)[]) => ({
    service: (uid: string) => views.find((view) => view.uid === uid),
    endpointNodes,
  });
  assert.equal(isIdle(shared, of(idle, busy), 'n1'), false);
  assert.equal(isIdle(shared, of(idle, { ...busy, ingress: [] }), 'n1'), true);
  assert.equal(isIdle(shared, of(), 'n1'), false);
});
