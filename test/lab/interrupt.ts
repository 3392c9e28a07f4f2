/** Takes a lab down when the user interrupts the process that uses it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readState, writeState } from './state.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Exit code of a program that Ctrl-C ended, as a shell gives it. */
const interruptedCode = 130;

const watched = new Set<string>();

/** From now on, Ctrl-C and its like take the lab down and end this process. Call what it gives when that shall be over. */
export function downOnInterrupt(id: string): () => void {
  if (watched.size === 0) for (const name of signals) process.on(name, interrupt);
  const isNew = !watched.has(id);
  watched.add(id);
  return () => {
    if (isNew) watched.delete(id);
    if (watched.size === 0) for (const name of signals) process.off(name, interrupt);
  };
}

function interrupt(): void {
  for (const id of watched) takeDown(id);
  process.exit(interruptedCode);
}

/** Has another process take the lab down. All else in this one stands still meanwhile, so that nothing new is started. */
function takeDown(id: string): void {
  const state = readState(id);
  // The other process shall not wait for this one, which waits for it.
  if (state !== undefined) writeState({ ...state, phase: 'stopping' });
  const command = [process.execPath, join(import.meta.dirname, 'lab.ts'), 'down', '--id', id];
  // In a session of its own, a second Ctrl-C does not reach it.
  spawnSync('setsid', ['--wait', ...command], { stdio: 'inherit' });
}
