/**
 * Runs test files in lanes, several at a time. Each file knows its lane. So files of different lanes can use
 * different clusters or networks, and do not disturb each other.
 */
import { run } from 'node:test';
import type { RunnerEvent } from './events.ts';
import { laneVariable } from './variables.ts';

/** A file that takes longer is stopped. */
const fileTimeoutMs = 600_000;

/** Runs each file in the first lane that is free. The report of a file comes in one piece, when the file has ended. */
export async function* runInLanes(files: readonly string[], lanes: number): AsyncGenerator<RunnerEvent> {
  const waiting = [...files];
  const running = new Map<number, Promise<{ readonly lane: number; readonly events: readonly RunnerEvent[] }>>();
  const start = (lane: number) => {
    const file = waiting.shift();
    if (file !== undefined)
      running.set(
        lane,
        runFile(file, lane).then((events) => ({ lane, events })),
      );
  };
  for (let lane = 1; lane <= lanes; lane += 1) start(lane);
  while (running.size > 0) {
    const { lane, events } = await Promise.race(running.values());
    running.delete(lane);
    start(lane);
    yield* events;
  }
}

async function runFile(file: string, lane: number): Promise<readonly RunnerEvent[]> {
  const env = { ...process.env, [laneVariable]: String(lane) };
  const events = run({ files: [file], concurrency: 1, timeout: fileTimeoutMs, env });
  return Array.fromAsync(events as AsyncIterable<RunnerEvent>);
}
