/** Fixture: a process that tells the links of its namespace, all of them after each change. */
import { createInterface } from 'node:readline';
import { openLinkMonitor } from '../../src/linux/link-monitor.ts';

/** One line of standard input: hear nothing for a while, or close the monitor; both are answered. */
export type Command = { readonly do: 'sleep'; readonly ms: number } | { readonly do: 'close' };

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const tell = () => say({ kind: 'links', links: monitor.links() });
const monitor = openLinkMonitor(tell);
tell();

const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => {
  const command: Command = JSON.parse(line);
  if (command.do === 'sleep') {
    process.stdout.write(`${JSON.stringify({ kind: 'asleep' })}\n`, () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, command.ms);
    });
    return;
  }
  monitor.close();
  say({ kind: 'closed' });
});
// With `end` as argument nothing but the monitor is left of this process.
if (process.argv[2] === 'end') commands.close();
