/** The metrics that a speaker exposes to Prometheus. */
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
    /** The number of VIPs by hand-off. */
    readonly handOffs: readonly Sample[];
  };
  /** The metrics of the parts that count for themselves. */
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
      help: 'VIPs by hand-off: how this node passes their packets on. Only if the nftables rules are on',
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
      help: 'ARP and NDP frames that arrived, by outcome: Answered, or why they were not',
      kind: 'counter',
      labels: ['outcome'],
      read: () => samplesOf('outcome', announcer.counters()),
    },
    {
      name: 'berth_speaker_vips',
      help: 'VIPs by the action of this node, and its reason',
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
      help: 'Conditions of the VIPs that this node answers for or reports on',
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
      help: '1 while a peer is alive, 0 while it is dead, restarts or was never heard',
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
      help: 'How often a peer was declared dead',
      kind: 'counter',
      labels: ['peer'],
      read: () => livenessLog.silences,
    },
    {
      name: 'berth_speaker_liveness_datagrams_total',
      help: 'Datagrams of the speakers, by outcome',
      kind: 'counter',
      labels: ['outcome'],
      read: () => samplesOf('outcome', { ...transport.counts, ...runner.receptions }),
    },
  ];
}

function samplesOf(label: string, counts: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(counts).map(([name, value]) => ({ labels: { [label]: pascal(name) }, value }));
}

/** All outcomes are written as `NotSent` is, whichever part counts them. */
function pascal(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
