/** Counts the unplanned moves of each VIP. Some fabrics freeze an address that moves too often. */

/** After this many moves within the window a VIP moves only from a holder that does not answer. */
const most = 3;
const windowMs = 180_000;

/** The unplanned moves within the window. */
export class FlapDamping {
  readonly #holders = new Map<string, string>();
  readonly #moves = new Map<string, readonly number[]>();

  /** Notes the holder of a VIP. */
  note(uid: string, holder: { readonly node: string; readonly planned: (from: string) => boolean }, now: number): void {
    const from = this.#holders.get(uid);
    if (from === holder.node) return;
    this.#holders.set(uid, holder.node);
    if (from === undefined || holder.planned(from)) return;
    this.#moves.set(uid, [...(this.#moves.get(uid) ?? []), now].slice(-most));
  }

  /** Has it moved too often? */
  isDamped(uid: string, now: number): boolean {
    const moves = this.#moves.get(uid);
    return moves !== undefined && moves.length >= most && now - (moves[0] ?? 0) < windowMs;
  }

  /** Forgets VIPs that do not exist any more, and old moves. */
  prune(exists: (uid: string) => boolean, now: number): void {
    for (const uid of this.#holders.keys()) if (!exists(uid)) this.#holders.delete(uid);
    for (const [uid, moves] of this.#moves) {
      if (!exists(uid) || now - (moves.at(-1) ?? 0) >= windowMs) this.#moves.delete(uid);
    }
  }
}
