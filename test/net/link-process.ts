/** Fixture: prints all links of its namespace after each change. */
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
// With the argument `end` only the monitor is left in this process.
if (process.argv[2] === 'end') commands.close();
