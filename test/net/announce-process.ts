/** Fixture: announces one VIP from this namespace with the speaker's own parts. A pass runs only when links change. */
import type { Ip } from '../../src/addr/ip.ts';
import { linksFor } from '../../src/announce/links.ts';
import { openLinkMonitor } from '../../src/linux/link-monitor.ts';
import { createLogger } from '../../src/runtime/logger.ts';
import { Loop } from '../../src/runtime/loop.ts';
import { startAnnouncer } from '../../src/speaker/announce/announcer.ts';
import { advertisement } from '../unit/fixtures.ts';
import { say, sayReady } from './fixture.ts';

const vip = (process.argv[2] ?? '') as Ip;
const log = createLogger('speaker', 'info');
const never = 2 ** 31 - 1;

const loop = new Loop({ log, resyncMs: never, pass: () => pass() });
const monitor = openLinkMonitor(loop.trigger);
const announcer = await startAnnouncer(log);
announcer.linkFailed.to(() => loop.triggerIn(1_000));
announcer.threadFailed.to((error) => {
  throw error;
});

async function pass(): Promise<void> {
  const links = monitor.links();
  const names = linksFor(vip, [advertisement()], links);
  await announcer.apply(links.filter(({ name }) => names.includes(name)).map((link) => ({ link, vips: [vip] })));
  say({ kind: 'announcing', names });
}

sayReady();
await loop.run(new AbortController().signal);
