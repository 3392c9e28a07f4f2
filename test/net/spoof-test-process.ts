/**
 * Fixture: a process with a fast clock that tests the paths of its namespace's link. Its argument
 * is a list of neighbors. It prints the nodes whose packets are missing, whenever that changes.
 */
import type { Neighbor } from '../../src/dataplane/plan/neighbor.ts';
import { openLinkMonitor } from '../../src/linux/link-monitor.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { SpoofTester } from '../../src/speaker/dataplane/spoof-tester.ts';
import { quicken } from './fast-clock.ts';
import { obey, say, sayReady } from './fixture.ts';
import { linkName } from './namespaces.ts';

const neighbors = JSON.parse(process.argv[2] ?? '[]') as readonly Neighbor[];
const link = openLinkMonitor(() => undefined)
  .links()
  .find(({ name }) => name === linkName);
if (link === undefined) throw new Error(`no link ${linkName}`);
quicken();
const tester = new SpoofTester(createLogger('speaker', 'silent'));
tester.changed.to(() => say({ kind: 'blocked', nodes: tester.blockedOn(linkName) }));
tester.observe([{ link, neighbors }]);
// The tester alone does not keep the process alive.
obey(() => undefined);
sayReady();
