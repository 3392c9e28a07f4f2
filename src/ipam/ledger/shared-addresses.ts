/** The addresses that Services share, in an index. */
import type { Sharers } from '../sharing.ts';
import type { Slot } from './slot.ts';

/**
 * A Service looks at this many addresses at most. The index skips those whose ports are taken, so only a namespace whose Services have
 * very different ports, or rules for pools, has more. What a pass costs must not depend on that.
 */
const mostLooks = 64;

/** The addresses of one family that Services with one key, and with the same backends, share. */
export class SharedAddresses {
  readonly #slots: Slot[] = [];
  readonly #sharersAt: (slot: Slot) => Sharers;
  /** The index of the first address at which a port may be free. In one pass, a port that is taken stays taken. */
  readonly #firstFree = new Map<string, number>();
  #isSorted = false;

  constructor(sharersAt: (slot: Slot) => Sharers) {
    this.#sharersAt = sharersAt;
  }

  /** Adds an address. Its `group` must be this one, as long as it belongs to it. */
  add(slot: Slot): void {
    this.#slots.push(slot);
  }

  /** The addresses at which no other Service than this one uses one of the ports, the lowest first. Those added after the first call come last. */
  *openTo(name: string, ports: ReadonlySet<string>): Generator<Slot> {
    this.#sort();
    const first = [...ports].reduce((at, port) => Math.max(at, this.#firstFree.get(port) ?? 0), 0);
    for (let at = first; at < this.#slots.length && at < first + mostLooks; at++) {
      const slot = this.#slots[at] as Slot;
      if (slot.group !== this) {
        for (const port of ports) this.#skip(port, at);
        continue;
      }
      const used = this.#sharersAt(slot).usedPort(name, ports);
      if (used === undefined) yield slot;
      else this.#skip(used, at);
    }
  }

  #skip(port: string, at: number): void {
    if ((this.#firstFree.get(port) ?? 0) === at) this.#firstFree.set(port, at + 1);
  }

  #sort(): void {
    if (this.#isSorted) return;
    this.#slots.sort((a, b) => (a.value < b.value ? -1 : 1));
    this.#isSorted = true;
  }
}
