/** What a speaker tells Prometheus. */
import type { Report } from '../../announce/reports.ts';
import type { DataPathStatus, PeerStatus, VipStatus } from '../../api/speaker-status.ts';
import { informerMetrics } from '../../kube/informer-metrics.ts';
import { type Distribution, type Metric, Metrics, type Sample, Tally } from '../../runtime/metrics.ts';
import { processMetrics } from '../../runtime/process-metrics.ts';
import type { Informers } from '../informers.ts';
import { kernelMetrics } from './kernel-metrics.ts';

/** What the metrics are read from. */
export interface SpeakerFacts {
  readonly version: string;
  readonly informers: Informers;
  readonly announcer: { readonly counters: () => Readonly<Record<string, number>> };
  readonly runner: {
    readonly peers: readonly PeerStatus[];
    readonly receptions: Readonly<Record<string, number>>;
  };
  readonly transport: { readonly counts: Readonly<Record<string, number>> };
  readonly livenessLog: { readonly silences: readonly Sample[] };
  readonly reporter: {
    readonly status: { readonly vips: readonly VipStatus[] };
    readonly reports: readonly Report[];
  };
  readonly dataplane: {
    readonly hasRules: () => boolean | undefined;
    readonly status: DataPathStatus;
    /** How many addresses go each way. */
    readonly handOffs: readonly Sample[];
  };
  /** Those of the parts that count by themselves. */
  readonly parts: readonly (Metric | Distribution)[];
}

/** The metrics of a speaker. */
export function speakerMetrics(facts: SpeakerFacts): Metrics {
  const { version, informers, dataplane, parts } = facts;
  return new Metrics([
    ...processMetrics('speaker', version),
    ...vipMetrics(facts),
    ...peerMetrics(facts),
    ...kernelMetrics(() => dataplane.hasRules()),
    {
      name: 'berth_speaker_hand_off_vips',
      help: 'VIPs by how this node passes their packets on, where the nftables rules are on',
      kind: 'gauge',
      labels: ['hand_off'],
      read: () => dataplane.handOffs,
    },
    ...informerMetrics({ ...informers }),
    ...parts,
  ]);
}

function vipMetrics({ announcer, reporter }: SpeakerFacts): readonly Metric[] {
  return [
    {
      name: 'berth_speaker_frames_total',
      help: 'ARP and NDP frames that came, by what became of them: Answered, or why they were not',
      kind: 'counter',
      labels: ['outcome'],
      read: () => samplesOf('outcome', announcer.counters()),
    },
    {
      name: 'berth_speaker_vips',
      help: 'VIPs by what this node does about them',
      kind: 'gauge',
      labels: ['action', 'reason'],
      read: () => {
        const tally = new Tally();
        for (const { action, reason = '' } of reporter.status.vips) tally.count({ action, reason });
        return tally.samples;
      },
    },
    {
      name: 'berth_speaker_vip_conditions',
      help: 'What this node says in the conditions of the VIPs that it answers for or reports on',
      kind: 'gauge',
      labels: ['condition', 'status', 'reason'],
      read: () => {
        const tally = new Tally();
        for (const { conditions } of reporter.reports) {
          for (const { type, status, reason } of conditions) tally.count({ condition: type, status, reason });
        }
        return tally.samples;
      },
    },
  ];
}

function peerMetrics({ runner, transport, livenessLog }: SpeakerFacts): readonly Metric[] {
  return [
    {
      name: 'berth_speaker_peer_alive',
      help: '1 while another speaker is heard, 0 while it is dead, restarts or was never heard',
      kind: 'gauge',
      labels: ['peer', 'liveness'],
      read: () =>
        runner.peers.map(({ node: peer, liveness }) => ({
          labels: { peer, liveness },
          value: liveness === 'Alive' ? 1 : 0,
        })),
    },
    {
      name: 'berth_speaker_peer_silences_total',
      help: 'How often another speaker was taken for dead',
      kind: 'counter',
      labels: ['peer'],
      read: () => livenessLog.silences,
    },
    {
      name: 'berth_speaker_liveness_datagrams_total',
      help: 'Datagrams of the speakers by what became of them',
      kind: 'counter',
      labels: ['outcome'],
      read: () => samplesOf('outcome', { ...transport.counts, ...runner.receptions }),
    },
  ];
}

function samplesOf(label: string, counts: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(counts).map(([name, value]) => ({ labels: { [label]: pascal(name) }, value }));
}

/** Reasons are words such as `NotSent`, whoever counts them. */
function pascal(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
