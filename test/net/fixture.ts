/**
 * Shared by the fixtures: programs that the tests start, which read commands as lines of JSON and
 * answer with lines of JSON.
 */
import { flushCompileCache } from 'node:module';
import { createInterface, type Interface } from 'node:readline';

/** Prints one line. */
export function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Calls `on` for every line of standard input. The fixture lives as long as its standard input is open. */
export function obey<Command>(on: (command: Command) => unknown): Interface {
  return createInterface({ input: process.stdin }).on('line', (line) => on(JSON.parse(line) as Command));
}

/**
 * Reports that the fixture has started. Most fixtures end by SIGKILL, so the compile cache of
 * Node.js is saved for the next one here.
 */
export function sayReady(): void {
  say({ kind: 'ready' });
  setImmediate(flushCompileCache);
}
