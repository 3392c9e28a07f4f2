/**
 * The VIPs for which decisions need a probe. A node that hears few others probes for all VIPs that it holds, and there
 * may be thousands: so these take turns, and each frame and each tick costs the same however many there are.
 */

/** At most this many VIPs of one node are probed. */
export const samples = 3;
/** At most this many of the VIPs that concern no certain node are probed at a time. */
const mostOpen = 100;
/**
 * A turn, where others wait: time for two probes for a VIP that this node holds, and for more than three, which prove a
 * silence, for one that it would take over.
 */
const turnMs = { held: 500, wanted: 1_500 } as const;

interface Place {
  /** The node that should answer. */
  readonly node: string | undefined;
  readonly isHeld: boolean;
}

/** The queue. */
export class ProbeQueue {
  readonly #places = new Map<string, Place>();
  readonly #byNode = new Map<string, Set<string>>();
  /** VIPs that concern no certain node, in the order of their turns, and when the turns that last have begun. */
  readonly #open = new Set<string>();
  readonly #begunAt = new Map<string, number>();

  /** Sets what a decision needs; undefined: no probe. */
  set(uid: string, place: Place | undefined): void {
    const before = this.#places.get(uid);
    if (before !== undefined && place !== undefined && before.node === place.node) {
      this.#places.set(uid, place);
      return;
    }
    if (before !== undefined) this.#remove(uid, before);
    if (place === undefined) return;
    this.#places.set(uid, place);
    if (place.node === undefined) this.#open.add(uid);
    else this.#byNode.set(place.node, (this.#byNode.get(place.node) ?? new Set()).add(uid));
  }

  /** Removes the VIPs that do not exist any more. */
  keepOnly(exists: (uid: string) => boolean): void {
    for (const uid of this.#places.keys()) if (!exists(uid)) this.set(uid, undefined);
  }

  /** The VIPs to probe now. */
  *take(now: number): Iterable<string> {
    for (const uids of this.#byNode.values()) yield* [...uids.values().take(samples)];
    for (const [uid, begunAt] of this.#begunAt) {
      const ms = this.#places.get(uid)?.isHeld ? turnMs.held : turnMs.wanted;
      if (this.#open.size <= mostOpen || now - begunAt < ms) continue;
      this.#begunAt.delete(uid);
      this.#open.delete(uid);
      this.#open.add(uid);
    }
    for (const uid of this.#open) {
      if (this.#begunAt.size >= mostOpen) break;
      if (!this.#begunAt.has(uid)) this.#begunAt.set(uid, now);
    }
    yield* [...this.#begunAt.keys()];
  }

  #remove(uid: string, { node }: Place): void {
    this.#places.delete(uid);
    this.#open.delete(uid);
    this.#begunAt.delete(uid);
    const uids = node === undefined ? undefined : this.#byNode.get(node);
    if (uids?.delete(uid) && uids.size === 0 && node !== undefined) this.#byNode.delete(node);
  }
}
