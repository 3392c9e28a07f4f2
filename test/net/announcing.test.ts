/** An announcement follows its link: another MAC, a cable that is pulled, a link that is made again. */
import { afterEach, beforeEach, test } from 'node:test';
import { type LineProcess, startLineProcess } from './line-process.ts';
import { createPair, ip, linkName, nodeMac, type Pair } from './namespaces.ts';
import { isAnsweredBy, neighbor } from './neighbor.ts';
import { soon } from './soon.ts';

const vip = '10.99.3.1';
const otherMac = '02:00:00:00:00:bb';

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
  const last = () => speaker.said.findLast(({ kind }) => kind === 'announcing')?.names as string[] | undefined;
  return speaker.until(`it announces on ${names}`, () => last()?.join() === names.join());
}

/** What the client believes about the VIP. */
const believed = () => neighbor(pair.client, vip);

/** Waits until the client has an answer of a hardware address to a question of its own. */
const answeredWith = (mac: string) => isAnsweredBy(pair.client, vip, mac);

/** Makes the client believe that another station has the VIP: only a gratuitous ARP puts that right. */
function believeIn(mac: string): void {
  ip(`-n ${pair.client} neigh replace ${vip} lladdr ${mac} dev ${linkName} nud reachable`);
}

test('another MAC of the link: neighbors hear it at once, and the VIP is answered with it', async () => {
  await answeredWith(nodeMac);
  ip(`-n ${pair.node} link set ${linkName} address ${otherMac}`);
  await soon('gratuitous ARP', () => believed().includes(otherMac));
  await answeredWith(otherMac);
});

test('a cable that is pulled ends the announcement, and plugged again it goes on', async () => {
  await answeredWith(nodeMac);
  ip(`-n ${pair.client} link set ${linkName} down`);
  await announcesOn();
  ip(`-n ${pair.client} link set ${linkName} up`);
  believeIn(otherMac);
  await soon('gratuitous ARP', () => believed().includes(nodeMac));
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
