/** An announcement follows its link: a new MAC, a pulled cable, a link that is deleted and made again. */
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

/** Waits until the speaker's last action was to announce the VIP on these links. */
function announcesOn(...names: readonly string[]): Promise<unknown> {
  const last = () => speaker.said.findLast(({ kind }) => kind === 'announcing')?.names as string[] | undefined;
  return speaker.until(`the VIP is announced on ${names}`, () => last()?.join() === names.join());
}

/** The client's neighbor entry for the VIP. */
const believed = () => neighbor(pair.client, vip);

/** Waits until the client gets this hardware address as the answer to its own request. */
const answeredWith = (mac: string) => isAnsweredBy(pair.client, vip, mac);

/** Gives the client an entry with another station's MAC: only a gratuitous ARP corrects it. */
function believeIn(mac: string): void {
  ip(`-n ${pair.client} neigh replace ${vip} lladdr ${mac} dev ${linkName} nud reachable`);
}

test('a new MAC of the link reaches the neighbors at once, and the VIP is answered with it', async () => {
  await answeredWith(nodeMac);
  ip(`-n ${pair.node} link set ${linkName} address ${otherMac}`);
  await soon('gratuitous ARP', () => believed().includes(otherMac));
  await answeredWith(otherMac);
});

test('the announcement ends when the cable is pulled, and returns when it is plugged in again', async () => {
  await answeredWith(nodeMac);
  ip(`-n ${pair.client} link set ${linkName} down`);
  await announcesOn();
  ip(`-n ${pair.client} link set ${linkName} up`);
  believeIn(otherMac);
  await soon('gratuitous ARP', () => believed().includes(nodeMac));
  await answeredWith(nodeMac);
});

test('the VIP is still answered after its link is set down and up at once', async () => {
  ip(`-n ${pair.node} link set ${linkName} down`);
  ip(`-n ${pair.node} link set ${linkName} up`);
  // Either a pass between the two closes the packet socket, or the socket ends with ENETDOWN and is
  // opened again a second later.
  await answeredWith(nodeMac);
  await announcesOn(linkName);
});

test('the announcement ends when the link loses its address, and returns with it', async () => {
  ip(`-n ${pair.node} address del 10.99.0.2/16 dev ${linkName}`);
  await announcesOn();
  ip(`-n ${pair.node} address add 10.99.0.2/16 dev ${linkName}`);
  await announcesOn(linkName);
  await answeredWith(nodeMac);
});

test('when a link joins a bridge, the announcement moves to the bridge', async () => {
  ip(`-n ${pair.node} link add br0 address ${otherMac} type bridge`);
  ip(`-n ${pair.node} link set br0 up`);
  ip(`-n ${pair.node} link set ${linkName} master br0`);
  ip(`-n ${pair.node} address add 10.99.0.3/16 dev br0`);
  await announcesOn('br0');
  await answeredWith(otherMac);
});
