/** Waits for a condition in the cluster, and prints the progress. */
import { setTimeout as pause } from 'node:timers/promises';
import { parseDuration } from '../../api/duration.ts';
import type { Session } from '../cluster/session.ts';
import { misused } from './failure.ts';
import { printable } from './printable.ts';

const everyMs = 500;

/**
 * Calls `progress` every 500 ms until it returns undefined, which means that the condition is met. Otherwise
 * it returns a line of progress, which is printed if it differs from the last one. Returns whether the
 * condition was met within the timeout.
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
    if (line !== lastLine) session.terminal.note(`${printable(line)}\n`);
    lastLine = line;
    if (performance.now() >= deadline) return false;
    await pause(everyMs, undefined, { signal: session.signal });
  }
}

/** Parses the value of an option such as `90s` into milliseconds. */
export function durationOf(text: unknown): number {
  const ms = parseDuration(String(text));
  if (ms === undefined) throw misused(`"${text}" is not a duration`, 'write it like 90s or 5m');
  return ms;
}
