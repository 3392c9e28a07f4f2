/** Virtual time: all future events, in order. */
import type { Clock } from '../../src/runtime/clock.ts';

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that jumps from one event to the next, in milliseconds. */
export class Schedule {
  now = 0;
  #heap: Entry[] = [];
  #count = 0;

  /** Runs a function after some milliseconds. */
  in(ms: number, run: () => void): void {
    this.#push({ at: this.now + ms, order: this.#count++, run });
  }

  /** The clock of a process whose timers are never late. */
  clock(): Clock {
    const after = (ms: number, call: () => void) => {
      let isWanted = true;
      this.in(ms, () => {
        if (isWanted) call();
      });
      return () => {
        isWanted = false;
      };
    };
    return { now: () => this.now, after, soon: (call) => after(0, call) };
  }

  /** Runs all events of the next milliseconds. */
  runFor(ms: number): void {
    const end = this.now + ms;
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop();
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Entry;
      if (!isBefore(entry, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      if (!isBefore(heap[child] as Entry, last)) break;
      heap[i] = heap[child] as Entry;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
