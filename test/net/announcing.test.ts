/** An announcement follows its link: another MAC, a cable that is pulled, a link that is made again. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';
import { createPair, ip, linkName, nodeMac, type Pair } from './namespaces.ts';

const vip = '10.99.3.1';
const otherMac = '02:00:00:00:00:bb';

/** Long for a busy machine; the kernel may keep news of a carrier to itself for a second. */
const soon = { timeoutMs: 3_000, everyMs: 5 };

let pair: Pair;
let speaker: LineProcess;

beforeEach(async () => {
  pair = createPair();
  speaker = startLineProcess({ namespace: pair.node, file: './announce-process.ts', args: [vip] });
  await announcesOn(linkName);
});
afterEach(() => {
  speaker?.close();
  pair?.close();
});

/** Waits until the last thing that the speaker did was to announce the VIP on these links. */
function announcesOn(...names: readonly string[]): Promise<unknown> {
  return eventually(`announced on ${names}`, () => {
    assert.deepEqual(speaker.said.findLast(({ kind }) => kind === 'announcing')?.names, names);
    return true;
  });
}

/** What the client believes about the VIP. */
const neighbour = () => ip(`-n ${pair.client} neigh show ${vip}`);

/** Makes the client's kernel forget the VIP and ask for it, and waits for the answer: hearsay makes an entry STALE only. */
async function answeredWith(mac: string): Promise<void> {
  ip(`-n ${pair.client} neigh flush to ${vip}`);
  const answered = () => {
    if (neighbour().includes(`${mac} REACHABLE`)) return true;
    if (!neighbour().includes('INCOMPLETE')) ip(`-n ${pair.client} neigh flush to ${vip}`);
    ip(`-n ${pair.client} neigh replace ${vip} dev ${linkName} use`);
    return false;
  };
  await eventually(`an answer from ${mac}`, answered, soon);
}

/** Makes the client believe that another station has the VIP: only a gratuitous ARP puts that right. */
function believeIn(mac: string): void {
  ip(`-n ${pair.client} neigh replace ${vip} lladdr ${mac} dev ${linkName} nud reachable`);
}

test('another MAC of the link: neighbours hear it at once, and the VIP is answered with it', async () => {
  await answeredWith(nodeMac);
  ip(`-n ${pair.node} link set ${linkName} address ${otherMac}`);
  await eventually('gratuitous ARP', () => neighbour().includes(otherMac), soon);
  await answeredWith(otherMac);
});

test('a cable that is pulled ends the announcement, and plugged again it goes on', async () => {
  await answeredWith(nodeMac);
  ip(`-n ${pair.client} link set ${linkName} down`);
  await announcesOn();
  ip(`-n ${pair.client} link set ${linkName} up`);
  believeIn(otherMac);
  await eventually('gratuitous ARP', () => neighbour().includes(nodeMac), soon);
  await answeredWith(nodeMac);
});

test('a link that is set down and up at once goes on', async () => {
  ip(`-n ${pair.node} link set ${linkName} down`);
  ip(`-n ${pair.node} link set ${linkName} up`);
  // Either the pass between the two closes the packet socket, or the socket ends with ENETDOWN and is opened a second later.
  await answeredWith(nodeMac);
  await announcesOn(linkName);
});

test('an address that the link loses ends the announcement, and brings it back', async () => {
  ip(`-n ${pair.node} address del 10.99.0.2/16 dev ${linkName}`);
  await announcesOn();
  ip(`-n ${pair.node} address add 10.99.0.2/16 dev ${linkName}`);
  await announcesOn(linkName);
  await answeredWith(nodeMac);
});

test('a link that becomes the member of a bridge leaves the announcement to the bridge', async () => {
  ip(`-n ${pair.node} link add br0 address ${otherMac} type bridge`);
  ip(`-n ${pair.node} link set br0 up`);
  ip(`-n ${pair.node} link set ${linkName} master br0`);
  ip(`-n ${pair.node} address add 10.99.0.3/16 dev br0`);
  await announcesOn('br0');
  await answeredWith(otherMac);
});
