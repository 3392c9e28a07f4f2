/** Fixture: a process that tells the links of its namespace, all of them after each change. */
import { openLinkMonitor } from '../../src/linux/link-monitor.ts';
import { obey, say, sayReady } from './fixture.ts';

const tell = () => say({ kind: 'links', links: monitor.links() });
const monitor = openLinkMonitor(tell);
tell();
sayReady();

/** Any line closes the monitor. */
const commands = obey(() => {
  monitor.close();
  say({ kind: 'closed' });
});
// With `end` as argument nothing but the monitor is left of this process.
if (process.argv[2] === 'end') commands.close();
