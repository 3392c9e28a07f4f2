/** Counts how VIPs come to this node and leave it, and how long nobody answered for those of a dead node. */
import type { Placement } from '../../announce/placements.ts';
import type { PeerStatus } from '../../api/speaker-status.ts';
import { Distribution, type Metric, Tally } from '../../runtime/metrics.ts';

/** Compares what this node announced with what it announces now. */
export class Takeovers {
  readonly #seconds = new Distribution({
    name: 'berth_speaker_takeover_duration_seconds',
    help: 'From the last word of a dead holder until this node answered for its VIP',
    buckets: [0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2, 5, 10, 30],
  });
  readonly #gains = new Tally();
  readonly #losses = new Tally();

  /** The placements have changed. `peers` is asked only where a VIP has come. */
  note(before: readonly Placement[], now: readonly Placement[], peers: () => readonly PeerStatus[]): void {
    const former = new Map(before.map((placement) => [placement.uid, placement]));
    let known: ReadonlyMap<string, PeerStatus> | undefined;
    const peer = (node: string) => {
      known ??= new Map(peers().map((one) => [one.node, one]));
      return known.get(node);
    };
    for (const placement of now) {
      const last = former.get(placement.uid);
      former.delete(placement.uid);
      if (placement.kind === 'Announce' && last?.kind !== 'Announce') this.#gained(last, peer);
      else if (last?.kind === 'Announce' && placement.kind !== 'Announce') this.#lost(placement);
    }
    for (const { kind } of former.values()) if (kind === 'Announce') this.#losses.count({ reason: 'Released' });
  }

  /** What is told of them. */
  get metrics(): readonly (Metric | Distribution)[] {
    return [
      {
        name: 'berth_speaker_vip_gains_total',
        help: 'VIPs that this node began to announce: those of a dead node, those that another one handed over, others',
        kind: 'counter',
        labels: ['cause'],
        read: () => this.#gains.samples,
      },
      {
        name: 'berth_speaker_vip_losses_total',
        help: 'VIPs that this node ceased to announce, by reason',
        kind: 'counter',
        labels: ['reason'],
        read: () => this.#losses.samples,
      },
      this.#seconds,
    ];
  }

  #gained(last: Placement | undefined, peer: (node: string) => PeerStatus | undefined): void {
    const holder = last?.kind === 'Silent' || last?.kind === 'StandIn' ? last.holder : undefined;
    const former = holder === undefined ? undefined : peer(holder);
    const cause = former === undefined ? 'NoHolder' : former.liveness === 'Dead' ? 'HolderDead' : 'HandedOver';
    this.#gains.count({ cause });
    if (cause === 'HolderDead' && former?.silentMs !== undefined) this.#seconds.observe(former.silentMs / 1000);
  }

  #lost(placement: Placement): void {
    const reason = 'reason' in placement ? placement.reason : placement.kind;
    this.#losses.count({ reason });
  }
}
