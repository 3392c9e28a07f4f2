/** Logs and counts how the liveness of the peers changes, as this speaker hears them. */
import type { PeerStatus } from '../../api/speaker-status.ts';
import type { Liveness } from '../../liveness/failure-detector.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Sample } from '../../runtime/metrics.ts';

/** Remembers the last liveness of each peer. */
export class LivenessLog {
  readonly #log: Logger;
  readonly #liveness = new Map<string, Liveness>();
  readonly #silences = new Map<string, number>();
  #noInboundTraffic = '';

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Logs one line for each peer whose liveness has changed. A peer that is not in the list is forgotten. */
  note(peers: readonly PeerStatus[]): void {
    for (const { node, liveness, silentMs } of peers) {
      const before = this.#liveness.get(node);
      if (before === liveness) continue;
      this.#liveness.set(node, liveness);
      if (liveness === 'Dead') {
        this.#silences.set(node, (this.#silences.get(node) ?? 0) + 1);
        this.#log.warn({ peer: node, silentMs }, 'peer is dead');
      } else if (before !== undefined || liveness !== 'Unknown')
        this.#log.info({ peer: node, liveness }, 'peer liveness changed');
    }
    if (this.#liveness.size <= peers.length) return;
    const known = new Set(peers.map(({ node }) => node));
    for (const node of this.#liveness.keys()) if (!known.has(node)) this.#forget(node);
  }

  /** Logs one line if the list of links that have carrier, but no inbound traffic, has changed. */
  noteNoInboundTraffic(links: ReadonlySet<string>): void {
    const names = [...links].join(' ');
    if (names === this.#noInboundTraffic) return;
    this.#noInboundTraffic = names;
    this.#log.warn({ links: [...links] }, 'links without inbound traffic');
  }

  /** How often each known peer was declared dead. */
  get silences(): readonly Sample[] {
    return [...this.#liveness.keys()].map((peer) => ({ labels: { peer }, value: this.#silences.get(peer) ?? 0 }));
  }

  #forget(node: string): void {
    this.#liveness.delete(node);
    this.#silences.delete(node);
  }
}
