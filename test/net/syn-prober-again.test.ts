/**
 * Probes that continue while the Pod behind an address changes: the connection tracking of the last
 * probe must not decide the path.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ip } from '../../src/addr/ip.ts';
import { readLinks } from '../../src/linux/link-monitor.ts';
import { SynProber } from '../../src/linux/syn-prober.ts';
import { eventually } from '../lab/poll.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';
import { createPair, linkName, nodeMac, type Pair, writeSysctl } from './namespaces.ts';
import { enterNamespace } from './own-namespace.ts';
import { nftIn, own, vips } from './path-lab.ts';
import { skipTime } from './skipped-time.ts';

/** Longer than the wait for an answer to a probe. */
const rowMs = 2_500;

let pair: Pair;
let server: LineProcess;
let prober: SynProber;
let answers = 0;

before(async () => {
  pair = createPair();
  server = startLineProcess({ namespace: pair.node, file: './server-process.ts' });
  await server.next('ready');
  writeSysctl(pair.node, 'net/ipv4/ip_forward', '1');
  enterNamespace(pair.client);
  prober = new SynProber({ onAnswer: () => answers++, onFault: (_, error) => assert.fail(`${error}`) });
});
after(() => {
  prober?.close();
  server?.close();
  pair?.close();
});

/** Sends the connections for a VIP to a Pod, like kube-proxy. The rule counts connections, not packets. */
function leadTo(endpoint: string): void {
  const chain = 'chain services {\n type nat hook prerouting priority dstnat\n';
  const rule = `ip daddr ${vips.IPv4} tcp dport 80 counter dnat to ${endpoint}`;
  nftIn(pair.node, `add table ip proxy\ndelete table ip proxy\ntable ip proxy {\n ${chain} ${rule}\n }\n}\n`);
}

const led = () => Number(/packets (\d+)/.exec(nftIn(pair.node, 'list table ip proxy\n'))?.[1]);

/** The prober checks its clock at this interval, in milliseconds. */
const lookMs = 10;

/** Probes like a verifier that got no answer: one series has ended, and the next one begins. */
async function probeAgain(): Promise<void> {
  skipTime(rowMs);
  // The prober's timer is due before this one.
  await delay(lookMs + 5);
  const link = readLinks().find(({ name }) => name === linkName);
  if (link === undefined) assert.fail(`no link ${linkName}`);
  prober.probe({ link, source: '10.99.0.1' as Ip, mac: nodeMac, address: vips.IPv4, port: 80 });
}

test('a VIP answers probes once another Pod serves it, however often the dead Pod was probed', async () => {
  leadTo('10.99.9.9:8080');
  await probeAgain();
  await eventually('the kernel tracks the connection', () => led() === 1, { everyMs: 10 });
  leadTo(`${own.IPv4}:8080`);
  for (let i = 0; i < 4 && answers === 0; i++) {
    await probeAgain();
    await eventually('an answer', () => answers > 0, { timeoutMs: 100, everyMs: 5 }).catch(() => undefined);
  }
  assert.equal(answers, 1, 'four series of probes went to the dead Pod');
});

test('probes that never pause do not keep the connection to the dead Pod alive either', async () => {
  leadTo('10.99.9.9:8080');
  const link = readLinks().find(({ name }) => name === linkName) ?? assert.fail(`no link ${linkName}`);
  const before = answers;
  const probe = () => prober.probe({ link, source: '10.99.0.1' as Ip, mac: nodeMac, address: vips.IPv4, port: 80 });
  for (let i = 0; i < 10; i++) {
    if (i === 5) leadTo(`${own.IPv4}:8080`);
    probe();
    skipTime(500);
    await delay(lookMs + 5);
  }
  await eventually('an answer', () => answers > before, { timeoutMs: 1_000, everyMs: 5 });
});
