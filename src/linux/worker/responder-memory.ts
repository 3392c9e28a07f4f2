/** The memory that the main thread and the packet worker share: counters, the worker's last beat, the number of the newest message. */
import { dropReasons, type FrameOutcome } from '../../neighbor/frame-outcomes.ts';

/**
 * What a received frame may be counted as: a verdict of the responder, `NotSent` (answered, but the link took no more
 * frames), `QueueFull` (the kernel dropped it before we saw it), or `Stalled` (it waited while this process stood still, or came before
 * it was known what the node holds after that).
 */
export const counterNames = ['Answered', ...dropReasons, 'NotSent', 'QueueFull', 'Stalled'] as const;

/** One of {@link counterNames}. */
export type CounterName = FrameOutcome | 'NotSent' | 'QueueFull' | 'Stalled';

/** Frames since the start, by what became of them. */
export type ResponderCounters = Readonly<Record<CounterName, number>>;

/** Views of the shared memory. The worker alone writes `beat` and `counts`, the main thread alone `newest`. */
export interface ResponderMemory {
  /** One number: how many messages have been posted to the worker. Read and written with Atomics. */
  readonly newest: Int32Array;
  /** One number: when the worker last went through its loop, on the clock of {@link monotonicMs}. */
  readonly beat: Float64Array;
  /** In order of {@link counterNames}. Aligned 64-bit stores do not tear on the 64-bit machines that we run on. */
  readonly counts: Float64Array;
}

/** Memory for one responder; hand `buffer` to the worker and view it there with {@link viewMemory}. */
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

/** Milliseconds on the clock that all threads share; `performance.now()` starts at another zero in each. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
