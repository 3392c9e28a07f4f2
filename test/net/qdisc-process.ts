/** Fixture: prints the names of the links that have a queueing discipline at their ingress. */
import { readIngressQdiscs } from '../../src/linux/ingress-qdiscs.ts';
import { openLinkMonitor } from '../../src/linux/link-monitor.ts';

const monitor = openLinkMonitor(() => undefined);
const found = readIngressQdiscs();
const links = monitor.links().filter(({ index }) => found.has(index));
process.stdout.write(`${JSON.stringify(links.map(({ name }) => name).sort())}\n`);
monitor.close();
