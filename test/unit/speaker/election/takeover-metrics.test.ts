/** How gained and lost VIPs are counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../../src/addr/ip.ts';
import type { Placement } from '../../../../src/announce/placements.ts';
import type { PeerStatus } from '../../../../src/api/speaker-status.ts';
import { Metrics } from '../../../../src/runtime/metrics.ts';
import { Takeovers } from '../../../../src/speaker/election/takeover-metrics.ts';

const vip = '192.0.2.1' as Ip;
const silent = (holder: string | undefined): Placement => ({
  ...{ vip, uid: 'u', holder, kind: 'Silent', reason: 'NotHolder' },
});
const announced: Placement = {
  ...{ vip, uid: 'u', holder: 'me', kind: 'Announce', term: 2, links: ['eth0'], damped: false },
};
const peers: readonly PeerStatus[] = [
  { node: 'dead', liveness: 'Dead', silentMs: 430 },
  { node: 'well', liveness: 'Alive', silentMs: 20 },
];

test('a VIP is gained from a dead node, by a hand-over or from no node, and lost for a reason', async () => {
  const rows: readonly { desc: string; before: readonly Placement[]; now: readonly Placement[]; lines: string[] }[] = [
    {
      desc: 'the holder died',
      before: [silent('dead')],
      now: [announced],
      lines: [
        'berth_speaker_vip_gains_total{cause="HolderDead"} 1',
        'berth_speaker_takeover_duration_seconds_bucket{le="0.4"} 0',
        'berth_speaker_takeover_duration_seconds_bucket{le="0.5"} 1',
      ],
    },
    {
      desc: 'handed over',
      before: [silent('well')],
      now: [announced],
      lines: [
        'berth_speaker_vip_gains_total{cause="HandedOver"} 1',
        'berth_speaker_takeover_duration_seconds_bucket{le="+Inf"} 0',
      ],
    },
    {
      desc: 'a new VIP',
      before: [],
      now: [announced],
      lines: ['berth_speaker_vip_gains_total{cause="NoHolder"} 1'],
    },
    {
      desc: 'another node has the VIP now',
      before: [announced],
      now: [silent('well')],
      lines: ['berth_speaker_vip_losses_total{reason="NotHolder"} 1'],
    },
    {
      desc: 'the VIP is gone',
      before: [announced],
      now: [],
      lines: ['berth_speaker_vip_losses_total{reason="Released"} 1'],
    },
  ];
  for (const { desc, before, now, lines } of rows) {
    const takeovers = new Takeovers();
    takeovers.note(before, now, () => peers);
    takeovers.note(now, now, () => assert.fail('no VIP was gained'));
    const text = (await new Metrics(takeovers.metrics).text()).split('\n');
    for (const line of lines) assert.ok(text.includes(line), `${desc}: ${line} is not in\n${text.join('\n')}`);
  }
});
