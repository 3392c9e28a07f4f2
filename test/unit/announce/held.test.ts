/** Which of the VIPs that a node holds are probed before their announcement. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import type { DesiredVip } from '../../../src/announce/desired-vips.ts';
import { heldOf, type Placement } from '../../../src/announce/placements.ts';
import { advertisement } from '../fixtures.ts';

const vip = '192.0.2.10' as Ip;

interface Case {
  readonly term: number;
  readonly wasAnnounced?: boolean;
  readonly wasTaken?: boolean;
}

/** Is the VIP probed first? */
function isFirst({ term, wasAnnounced = false, wasTaken = false }: Case): boolean | undefined {
  const placement: Placement = { kind: 'Announce', vip, uid: 'u', holder: 'n', term, links: ['eth0'], damped: false };
  const desiredVip: DesiredVip = {
    ...{
      uid: 'u',
      address: vip,
      eligible: new Set(['n']),
      serves: () => true,
      linksOf: () => ['eth0'],
      recorded: undefined,
      moveTo: undefined,
    },
    ...{ advertisements: [advertisement()], wasAnnounced, isAdopted: false, wasTaken },
  };
  return heldOf([placement], { vips: [desiredVip], unwanted: [] }, () => undefined)[0]?.isFirst;
}

test('a VIP that no node ever held is probed first', () => assert.equal(isFirst({ term: 1 }), true));

test('a VIP that was announced before is not probed first, even if another host had it then', () => {
  assert.equal(isFirst({ term: 1, wasAnnounced: true }), false);
  assert.equal(isFirst({ term: 2, wasAnnounced: true, wasTaken: true }), false);
});

test('a VIP is not probed first if it is taken over from a holder that could not record its announcement', () => {
  assert.equal(isFirst({ term: 2 }), false);
});

test('a VIP for which another host answered is probed first, whichever node held it before', () => {
  assert.equal(isFirst({ term: 2, wasTaken: true }), true);
});

test('a VIP that is not announced is not probed', () => {
  const silent: Placement = { kind: 'Silent', vip, uid: 'u', holder: 'other', reason: 'NotHolder' };
  assert.deepEqual(
    heldOf([silent], { vips: [], unwanted: [] }, () => undefined),
    [],
  );
});
