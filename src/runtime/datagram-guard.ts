/**
 * Decides for which datagrams the signature is checked, which takes 10 to 50 us: any host, and any Pod, can send to the port of the
 * speakers. Pure: the time is an argument, in milliseconds.
 */

/** Wrong signatures are counted in windows of this length. Milliseconds. */
const windowMs = 1_000;
/**
 * In a window, this many wrong signatures are checked at most: from one host, from all hosts that are no peers, and from the address of one
 * peer. A host that forges that address must not silence the peer, so that this number is high.
 */
const most = { host: 300, hosts: 500, peer: 10_000 } as const;
/** At most this many addresses are remembered from which a signed datagram came. */
const mostProven = 1_000;

/** Counts wrong signatures. A host whose datagrams are signed is never limited. */
export class DatagramGuard {
  readonly #isPeer: (address: string) => boolean;
  /** Addresses from which a signed datagram came; the one that came last is last. */
  readonly #proven = new Set<string>();
  readonly #wrong = new Map<string, number>();
  #wrongOfHosts = 0;
  #since = Number.NEGATIVE_INFINITY;

  /** `isPeer` says whether an address is that of a known peer. */
  constructor(isPeer: (address: string) => boolean) {
    this.#isPeer = isPeer;
  }

  /** Is the signature of a datagram from this address worth a check? */
  admits(from: string, now: number): boolean {
    if (now - this.#since >= windowMs) {
      this.#since = now;
      this.#wrong.clear();
      this.#wrongOfHosts = 0;
    }
    const wrong = this.#wrong.get(from) ?? 0;
    return this.#isKnown(from) ? wrong < most.peer : wrong < most.host && this.#wrongOfHosts < most.hosts;
  }

  /** Notes whether the signature of a datagram was right. */
  note(from: string, isSigned: boolean): void {
    if (!isSigned) {
      this.#wrong.set(from, (this.#wrong.get(from) ?? 0) + 1);
      if (!this.#isKnown(from)) this.#wrongOfHosts++;
      return;
    }
    if (this.#isPeer(from)) return;
    this.#proven.delete(from);
    this.#proven.add(from);
    for (const oldest of this.#proven) if (this.#proven.size > mostProven) this.#proven.delete(oldest);
  }

  /** A peer may send from an address that its objects do not have: it has several, or is behind a NAT. */
  #isKnown(from: string): boolean {
    return this.#proven.has(from) || this.#isPeer(from);
  }
}
