/** Applies the claims that one incarnation of a peer sends, in whatever order its datagrams arrive. */
import type { ClaimStore } from './claim-store.ts';
import type { Claim, ClaimDelta } from './messages.ts';
import { windowSize } from './replay-window.ts';

/** A full sync of which some parts have arrived. */
interface PartialFullSync {
  readonly list: number;
  readonly parts: Map<number, { readonly claims: readonly Claim[]; readonly sequence: number }>;
}

/** The claims of one incarnation. */
export class ClaimReplica {
  readonly #store: ClaimStore;
  readonly #node: string;
  /** By uid: the sequence of the newest datagram that mentioned it. */
  readonly #versions = new Map<string, number>();
  #highest = 0;
  #partial: PartialFullSync | undefined;

  constructor(store: ClaimStore, node: string) {
    this.#store = store;
    this.#node = node;
  }

  /** Applies a datagram. */
  take({ claims, dropped, fullSync, sequence }: ClaimDelta): void {
    this.#highest = Math.max(this.#highest, sequence);
    if (fullSync === undefined) {
      for (const uid of dropped) this.#drop(uid, sequence);
      for (const claim of claims) this.#set(claim, sequence);
    } else this.#takePart({ claims, sequence }, fullSync);
    this.#prune();
  }

  #takePart(
    chunk: { readonly claims: readonly Claim[]; readonly sequence: number },
    { list, part, parts }: NonNullable<ClaimDelta['fullSync']>,
  ): void {
    if (this.#partial !== undefined && this.#partial.list > list) return;
    if (this.#partial?.list !== list) this.#partial = { list, parts: new Map() };
    if (!this.#partial.parts.has(part)) this.#partial.parts.set(part, chunk);
    if (this.#partial.parts.size < parts) return;
    const chunks = [...this.#partial.parts.values()];
    this.#partial = undefined;
    const all = new Set(chunks.flatMap((one) => one.claims.map(({ uid }) => uid)));
    const oldest = Math.min(...chunks.map((one) => one.sequence));
    for (const uid of [...this.#store.of(this.#node).keys()]) if (!all.has(uid)) this.#drop(uid, oldest);
    for (const one of chunks) for (const claim of one.claims) this.#set(claim, one.sequence);
  }

  #set(claim: Claim, sequence: number): void {
    if (this.#isNewer(claim.uid, sequence)) this.#store.set(this.#node, claim);
  }

  #drop(uid: string, sequence: number): void {
    if (this.#isNewer(uid, sequence)) this.#store.drop(this.#node, uid);
  }

  #isNewer(uid: string, sequence: number): boolean {
    if (sequence <= (this.#versions.get(uid) ?? 0)) return false;
    this.#versions.set(uid, sequence);
    return true;
  }

  /** Datagrams older than the replay window are dropped before they come here, so their versions are not needed. */
  #prune(): void {
    if (this.#versions.size < this.#store.of(this.#node).size + 4 * windowSize) return;
    for (const [uid, sequence] of this.#versions) {
      if (sequence < this.#highest - windowSize) this.#versions.delete(uid);
    }
  }
}
