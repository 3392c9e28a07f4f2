/** Counts that go on rising although the kernel begins anew: whenever the rules are made anew, so are the counters. */

/** Packets and bytes. */
export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** Adds up what the kernel counts. */
export class VipCounts {
  #seen: ReadonlyMap<string, { readonly base: Count; readonly last: Count }> = new Map();

  /** Takes in what the kernel counts now, and gives what was counted since this speaker began. What is not counted any more is forgotten. */
  add(now: ReadonlyMap<string, Count>): ReadonlyMap<string, Count> {
    const seen = new Map(
      [...now].map(([vip, last]) => {
        const before = this.#seen.get(vip);
        // Less than before: the kernel has begun anew.
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
