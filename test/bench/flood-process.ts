/**
 * Floods a link with frames that claim addresses: gratuitous ARP in both forms, and unsolicited Neighbor Advertisements. Runs in the
 * network namespace of a Pod, until it is killed. The argument is a {@link Flood} as JSON. Prints `ready` at the start, and then the number of
 * frames that were sent, every second.
 */
import { setInterval } from 'node:timers';
import type { Ip } from '../../src/addr/ip.ts';
import { openFrameSender } from '../../src/linux/frame-sender.ts';
import { readLinks } from '../../src/linux/link-monitor.ts';
import { encodeUnsolicited } from '../../src/neighbor/gratuitous-frames.ts';

/** What to send. */
export interface Flood {
  readonly vips: readonly Ip[];
  /** The hardware addresses that claim the addresses, besides that of the link itself. */
  readonly macs: readonly string[];
  readonly framesPerSecond: number;
}

const everyMs = 5;
const linkName = 'eth0';

const { vips, macs, framesPerSecond }: Flood = JSON.parse(process.argv[2] ?? '{}');
const link = readLinks().find(({ name }) => name === linkName);
if (link === undefined) throw new Error(`no link ${linkName}`);
const sender = openFrameSender(link);
const frames = [link.mac, ...macs].flatMap((mac) =>
  vips.flatMap((vip) =>
    (vip.includes(':') ? (['Advertisement'] as const) : (['Request', 'Reply'] as const)).map((form) =>
      encodeUnsolicited(mac, { vip, form }),
    ),
  ),
);

const begin = performance.now();
let [tried, sent] = [0, 0];
setInterval(() => {
  const due = Math.floor(((performance.now() - begin) / 1_000) * framesPerSecond);
  for (; tried < due; tried++) {
    const frame = frames[tried % frames.length];
    if (frame !== undefined && sender.send(frame) === 'Sent') sent++;
  }
}, everyMs);
setInterval(() => console.log(`sent ${sent}`), 1_000);
console.log('ready');
