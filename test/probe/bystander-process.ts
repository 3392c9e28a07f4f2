/**
 * A process beside the prober's, with the same priority as a speaker. It has work to do a hundred times a second, and
 * reports when the machine made it wait. A speaker with work to do at that time may have waited as long.
 */
import { now, type Told } from './told.ts';

const everyMs = 10;
/** Even on an idle machine, timers are sometimes this late. */
const usualMs = 5;

const tell = (told: Told) => process.stdout.write(`${JSON.stringify(told)}\n`);

let turnedAt = now();
setInterval(() => {
  const at = now();
  const ms = at - turnedAt - everyMs;
  if (ms > usualMs) tell({ kind: 'stall', at: turnedAt + everyMs, ms });
  turnedAt = at;
}, everyMs);
// The owner of this process has ended.
process.stdin.on('close', () => process.exit()).resume();
process.stdout.on('error', () => process.exit());
