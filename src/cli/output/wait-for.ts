/** Waits for something to become true in the cluster, and lets a person see how it goes. */
import { setTimeout as pause } from 'node:timers/promises';
import { parseDuration } from '../../api/duration.ts';
import type { Session } from '../cluster/session.ts';
import { misused } from './failure.ts';

const everyMs = 500;

/**
 * Asks again and again. `progress` gives a line of progress while it is not there yet, and undefined when it is; a line is lastLine when it is
 * another one than the last. Gives whether it became true in time.
 */
export async function waitFor(
  session: Session,
  timeoutMs: number,
  progress: () => Promise<string | undefined>,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  let lastLine = '';
  for (;;) {
    const line = await progress();
    if (line === undefined) return true;
    if (line !== lastLine) session.terminal.note(`${line}\n`);
    lastLine = line;
    if (performance.now() >= deadline) return false;
    await pause(everyMs, undefined, { signal: session.signal });
  }
}

/** The milliseconds of an option such as `90s`. */
export function durationOf(text: unknown): number {
  const ms = parseDuration(String(text));
  if (ms === undefined) throw misused(`"${text}" is no duration`, 'write 90s, or 5m');
  return ms;
}
