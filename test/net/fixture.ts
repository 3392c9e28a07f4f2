/** What the fixtures share: programs that the tests start, which obey lines of JSON and answer with lines of JSON. */
import { flushCompileCache } from 'node:module';
import { createInterface, type Interface } from 'node:readline';

/** Says one line. */
export function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Calls `on` for every line of standard input. The fixture lives as long as somebody may write to it. */
export function obey<Command>(on: (command: Command) => unknown): Interface {
  return createInterface({ input: process.stdin }).on('line', (line) => on(JSON.parse(line) as Command));
}

/** Says that the fixture has started. Most fixtures end by SIGKILL: what Node.js has compiled is kept for the next one now. */
export function sayReady(): void {
  say({ kind: 'ready' });
  setImmediate(flushCompileCache);
}
