/** Whether rules may touch packets for an address: by what this node does with it, and by the record of other nodes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import type { NotDesiredReason } from '../../../src/announce/desired-vips.ts';
import type { Placement, SilenceReason } from '../../../src/announce/placements.ts';
import { standingOf } from '../../../src/announce/standing.ts';
import type { AllocationView } from '../../../src/api/allocation.ts';
import { entry, service } from '../fixtures.ts';

const vip = '192.0.2.1' as Ip;
const of = { vip, uid: 'u', holder: 'n1', term: 1, links: ['eth0'] } as const;
const announce: Placement = { ...of, kind: 'Announce', damped: false };
const withheld = (reason: SilenceReason): Placement => ({ ...of, kind: 'Withhold', reason });
const silent = (reason: SilenceReason): Placement => ({ vip, uid: 'u', holder: 'n2', kind: 'Silent', reason });

/** Conditions, as `Announced=True Announced`. */
function recorded(...texts: readonly string[]): Partial<AllocationView> {
  const conditions = texts.map((text) => {
    const [, type = '', status = '', reason = ''] = /^(\w+)=(\w+) (\w+)$/.exec(text) ?? [];
    return { type, status, reason, message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
  });
  return { conditions } as Partial<AllocationView>;
}

const yes = 'Announced=True Announced';
const no = 'Announced=False AddressTaken';
const foreign = 'Conflict=True ForeignClaim';

type Row = readonly [
  what: string,
  standing: ReturnType<typeof standingOf>,
  recorded: Partial<AllocationView>,
  placement?: Placement | undefined,
  unwanted?: NotDesiredReason,
];

const rows: readonly Row[] = [
  ['this node announces it', 'Announced', {}, announce],
  ['this node announces it, and the record is old', 'Announced', recorded(no), announce],
  ['this node answers for a node that restarts', 'Announced', {}, { ...of, kind: 'StandIn' }],
  ['this node still asks whether another host has it', 'Silent', {}, withheld('ProbingFirst')],
  ['another host answered this node, and the record is old', 'Silent', recorded(yes), withheld('AddressTaken')],
  ['another program answers', 'Silent', recorded(yes), withheld('AnnouncedByOtherProgram')],
  ['another host claims it too', 'Contested', recorded(yes, foreign), announce],
  ['another node announces it', 'Announced', recorded(yes), silent('NotHolder')],
  ['another node announces it, and another host claims it', 'Contested', recorded(yes, foreign), silent('NotHolder')],
  ['another node holds it, and another host has it', 'Silent', recorded(no), silent('NotHolder')],
  ['another node holds it, and has recorded nothing yet', 'Contested', {}, silent('NotHolder')],
  ['no node holds it, and nothing is recorded', 'Silent', {}, { ...silent('AwaitingClaim'), holder: undefined }],
  ['this speaker has just started', 'Announced', recorded(yes), silent('Listening')],
  ['its holder has just died', 'Announced', recorded(yes), silent('ConfirmingHolderDown')],
  [
    'it was announced, and has no conditions',
    'Announced',
    { recorded: { node: 'n2', term: 1, since: 'x' } },
    silent('NotHolder'),
  ],
  ['nothing is decided or recorded yet', 'Announced', {}],
  ['nothing is decided yet, and the record says no', 'Silent', recorded(no)],
  ['no Service shows it any more', 'Silent', recorded(yes), silent('NotInStatus'), 'NotInStatus'],
  ['nothing is decided yet, and no Service shows it yet', 'Announced', {}, undefined, 'NotInStatus'],
  ['no advertisement covers it any more', 'Silent', recorded(yes), undefined, 'NoAdvertisement'],
];

test('rules touch only packets for addresses that the cluster announces', () => {
  for (const [what, standing, facts, placement, unwanted] of rows) {
    assert.equal(standingOf(entry(vip, service('s'), facts), { placement, unwanted }), standing, what);
  }
});

test('rules touch no packet for an address of this node before a node announces it', () => {
  const own: readonly Row[] = [
    ['nothing is decided', 'Silent', {}],
    ['another node holds it, and has recorded nothing yet', 'Silent', {}, silent('NotHolder')],
    ['this node holds it, and does not announce it', 'Silent', {}, withheld('AnnouncedByOtherProgram')],
    ['another node announces it', 'Announced', recorded(yes), silent('NotHolder')],
    ['this node announces it, as another program did before', 'Announced', {}, announce],
  ];
  for (const [what, standing, facts, placement, unwanted] of own) {
    assert.equal(standingOf(entry(vip, service('s'), facts), { placement, unwanted, isOwn: true }), standing, what);
  }
});
