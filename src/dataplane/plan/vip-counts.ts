/** Keeps counts rising although the kernel's counters restart at zero whenever the rules are loaded again. */

/** Packets and bytes. */
interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** Adds up the kernel's counters. */
export class VipCounts {
  #seen: ReadonlyMap<string, { readonly base: Count; readonly last: Count }> = new Map();

  /**
   * Adds the kernel's present counters. Returns the counts since the start of this speaker. Forgets VIPs without a
   * counter.
   */
  add(now: ReadonlyMap<string, Count>): ReadonlyMap<string, Count> {
    const seen = new Map(
      [...now].map(([vip, last]) => {
        const before = this.#seen.get(vip);
        // Less than before: the kernel's counter has restarted.
        const base = before && last.packets < before.last.packets ? sum(before.base, before.last) : before?.base;
        return [vip, { base: base ?? { packets: 0, bytes: 0 }, last }];
      }),
    );
    this.#seen = seen;
    return new Map([...seen].map(([vip, { base, last }]) => [vip, sum(base, last)]));
  }
}

function sum(a: Count, b: Count): Count {
  return { packets: a.packets + b.packets, bytes: a.bytes + b.bytes };
}
