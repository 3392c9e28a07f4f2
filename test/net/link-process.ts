/** Fixture: a process that tells the links of its namespace, all of them after each change. */
import { openLinkMonitor } from '../../src/linux/link-monitor.ts';
import { obey, say, sayReady } from './fixture.ts';

/** One line of standard input: hear nothing for a while, or close the monitor; both are answered. */
export type Command = { readonly do: 'sleep'; readonly ms: number } | { readonly do: 'close' };

const tell = () => say({ kind: 'links', links: monitor.links() });
const monitor = openLinkMonitor(tell);
tell();
sayReady();

const commands = obey<Command>((command) => {
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
