/** Fixture: on any input line, prints the names of the links that have a queueing discipline at their ingress. */
import { readIngressQdiscs } from '../../src/linux/ingress-qdiscs.ts';
import { openLinkMonitor } from '../../src/linux/link-monitor.ts';
import { obey, say, sayReady } from './fixture.ts';

const monitor = openLinkMonitor(() => undefined);
obey(() => {
  const found = readIngressQdiscs();
  const links = monitor.links().filter(({ index }) => found.has(index));
  say({ kind: 'found', links: links.map(({ name }) => name).sort() });
});
sayReady();
