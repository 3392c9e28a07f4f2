/** Removes a lab when the user interrupts the process that uses it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readState, writeState } from './state.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The exit code that a shell returns for a program that Ctrl-C ended. */
const interruptedCode = 130;

const watched = new Set<string>();

/** From now on, Ctrl-C and similar signals remove the lab and end this process. Call the returned function to stop that. */
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

/** Removes the lab by another process. This process is blocked meanwhile, so that it starts nothing new. */
function takeDown(id: string): void {
  const state = readState(id);
  // The other process must not wait for this one, because this one waits for it.
  if (state !== undefined) writeState({ ...state, phase: 'stopping' });
  const command = [process.execPath, join(import.meta.dirname, 'lab.ts'), 'down', '--id', id];
  // In a session of its own, the other process does not get a second Ctrl-C.
  spawnSync('setsid', ['--wait', ...command], { stdio: 'inherit' });
}
