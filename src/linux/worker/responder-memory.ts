/**
 * The memory that the main thread and the packet worker share: counters, the time of the worker's last turn, the number of the newest
 * message.
 */
import { dropReasons, type FrameOutcome } from '../../neighbor/frame-outcomes.ts';

/**
 * The counters of received frames: an outcome of the responder, `NotSent` (answered, but the send queue of the link was full), `QueueFull`
 * (the kernel dropped it before it could be received), or `Stalled` (it was queued while this process was paused, or arrived before the
 * main thread had decided again).
 */
export const counterNames = ['Answered', ...dropReasons, 'NotSent', 'QueueFull', 'Stalled'] as const;

/** One of {@link counterNames}. */
export type CounterName = FrameOutcome | 'NotSent' | 'QueueFull' | 'Stalled';

/** The frames since the start, by outcome. */
export type ResponderCounters = Readonly<Record<CounterName, number>>;

/** Views of the shared memory. Only the worker writes `beat` and `counts`; only the main thread writes `newest`. */
interface ResponderMemory {
  /** One number: how many messages were posted to the worker. Accessed with Atomics. */
  readonly newest: Int32Array;
  /** One number: the time of the last turn of the worker's loop, on the clock of {@link monotonicMs}. */
  readonly beat: Float64Array;
  /** In the order of {@link counterNames}. Aligned 64-bit stores are atomic on all supported 64-bit machines. */
  readonly counts: Float64Array;
}

/** Allocates memory for one responder. Pass the buffer to the worker, and view it there with {@link viewMemory}. */
export function allocateMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(8 * (2 + counterNames.length));
}

/** The views of a shared buffer. */
export function viewMemory(buffer: SharedArrayBuffer): ResponderMemory {
  return {
    newest: new Int32Array(buffer, 0, 1),
    beat: new Float64Array(buffer, 8, 1),
    counts: new Float64Array(buffer, 16, counterNames.length),
  };
}

/** The counters as a record. */
export function readCounters(memory: ResponderMemory): ResponderCounters {
  const entries = counterNames.map((name, i) => [name, memory.counts[i] ?? 0]);
  return Object.fromEntries(entries) as Record<CounterName, number>;
}

/** Milliseconds on a clock that all threads share. `performance.now()` has another origin in each thread. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
