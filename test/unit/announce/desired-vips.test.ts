/** Which nodes may announce an address. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DesiredVipSnapshot, desiredVipsOf } from '../../../src/announce/desired-vips.ts';
import type { AdvertisementView } from '../../../src/api/advertisement.ts';
import type { AllocationView } from '../../../src/api/allocation.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { advertisement, entry, node, refTo, service } from '../fixtures.ts';

const address = '192.0.2.10';
const shows = { sharingKey: 'k', ingress: [{ ip: address }] };

/** The nodes that may announce the address that these Services share, and that `a` has endpoints on `n1`. */
function eligible(recorded: readonly ServiceView[], now: readonly ServiceView[]): readonly string[] {
  const [first = assert.fail()] = recorded;
  const endpointNodes = { get: (key: string) => (key.startsWith('default/a') ? new Set(['n1']) : undefined) };
  const nodes = ['n1', 'n2'];
  const snapshot: DesiredVipSnapshot = {
    ledger: [entry(address, first, { services: recorded.map(refTo) })],
    service: (uid) => now.find((one) => one.uid === uid),
    endpointNodes: endpointNodes as unknown as DesiredVipSnapshot['endpointNodes'],
    advertisements: [advertisement()],
    nodes: nodes.map((name) => node(name)),
    speakers: new Set(nodes),
  };
  return desiredVipsOf(snapshot, () => undefined).vips.flatMap((vip) => [...vip.eligible]);
}

test('a Service that was changed, and leaves a shared address, does not move it', () => {
  const [a, b] = [service('a', shows), service('b', shows)];
  const changed = { ...a, local: true, selector: '[["app","a"]]' };
  const local = { ...b, local: true, selector: '[["app","b"]]' };
  const rows: readonly [string, readonly ServiceView[], readonly ServiceView[], readonly string[]][] = [
    ['both as recorded', [a, b], [a, b], ['n1', 'n2']],
    ['the first one is Local now', [a, b], [changed, b], ['n1', 'n2']],
    ['the first one is alone', [a], [changed], ['n1']],
    [
      'the second one has other Pods now',
      [changed, { ...local, selector: changed.selector }],
      [changed, local],
      ['n1'],
    ],
    ['the second one does not show it yet', [a, b], [changed, { ...b, ingress: [] }], ['n1']],
  ];
  for (const [desc, recorded, now, expected] of rows) assert.deepEqual(eligible(recorded, now), expected, desc);
});

test('an L2Advertisement that is being deleted goes on with the addresses that it has, and covers no new one', () => {
  const a = service('a', { ingress: [{ ip: address }] });
  const ending = advertisement({ endingSince: '2026-01-02T00:00:00Z' });
  const other = advertisement({ uid: 'uid-other', pools: ['other'] });
  const rows: readonly [string, AdvertisementView, Partial<AllocationView>, boolean][] = [
    ['the address came before', ending, { created: '2026-01-01T00:00:00Z' }, true],
    ['the address came later', ending, { created: '2026-01-03T00:00:00Z' }, false],
    ['it came later, and was adopted', ending, { created: '2026-01-03T00:00:00Z', adopted: true }, true],
    ['it is not being deleted', advertisement(), { created: '2026-01-03T00:00:00Z' }, true],
    ['it never covered the pool', { ...ending, pools: ['other'] }, { created: '2026-01-01T00:00:00Z' }, false],
  ];
  for (const [desc, one, facts, isAnnounced] of rows) {
    const { vips, unwanted } = desiredVipsOf(
      {
        ...{ ledger: [entry(address, a, facts)], service: () => a, endpointNodes: new Map() },
        ...{ advertisements: [one, other], nodes: [node('n1')], speakers: new Set(['n1']) },
      },
      () => undefined,
    );
    const found = [vips.map((vip) => vip.address), unwanted.map(({ reason }) => reason)];
    assert.deepEqual(found, isAnnounced ? [[address], []] : [[], ['NoAdvertisement']], desc);
  }
});
