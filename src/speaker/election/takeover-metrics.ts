/** Counts the VIPs that this node gains and loses, and measures how long no node answered for the VIPs of a dead one. */
import type { Placement } from '../../announce/placements.ts';
import type { PeerStatus } from '../../api/speaker-status.ts';
import { Distribution, type Metric, Tally } from '../../runtime/metrics.ts';

/** Compares the VIPs that this node announced with those that it announces now. */
export class Takeovers {
  readonly #seconds = new Distribution({
    name: 'berth_speaker_takeover_duration_seconds',
    help: 'From the last message of a dead holder until this node answered for its VIP',
    buckets: [0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2, 5, 10, 30],
  });
  readonly #gains = new Tally();
  readonly #losses = new Tally();

  /** Counts a change of the placements. `peers` is called only if this node has gained a VIP. */
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

  /** The metrics of the takeovers. */
  get metrics(): readonly (Metric | Distribution)[] {
    return [
      {
        name: 'berth_speaker_vip_gains_total',
        help: 'VIPs that this node began to announce, by cause: HolderDead, HandedOver, or NoHolder for all others',
        kind: 'counter',
        labels: ['cause'],
        read: () => this.#gains.samples,
      },
      {
        name: 'berth_speaker_vip_losses_total',
        help: 'VIPs that this node stopped announcing, by reason',
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
