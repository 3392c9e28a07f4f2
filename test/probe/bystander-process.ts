/**
 * A process beside the prober's, as important as a speaker's and no more: it has something to do a hundred times a second, and tells when it
 * was kept waiting. A speaker that had something to do then may have waited as long.
 */
import { now, type Told } from './told.ts';

const everyMs = 10;
/** Timers are this late at times on a machine that has nothing else to do. */
const usualMs = 5;

const tell = (told: Told) => process.stdout.write(`${JSON.stringify(told)}\n`);

let turnedAt = now();
setInterval(() => {
  const at = now();
  const ms = at - turnedAt - everyMs;
  if (ms > usualMs) tell({ kind: 'stall', at: turnedAt + everyMs, ms });
  turnedAt = at;
}, everyMs);
// Its owner has ended.
process.stdin.on('close', () => process.exit()).resume();
process.stdout.on('error', () => process.exit());
