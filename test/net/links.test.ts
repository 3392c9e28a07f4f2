/** The links of a network namespace are known as they change. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import type { Link } from '../../src/linux/links.ts';
import { fc } from '../property.ts';
import { env, type LineProcess, startLineProcess } from './line-process.ts';
import { createPair, ip, linkName, nodeMac, type Pair } from './namespaces.ts';
import { soon } from './soon.ts';

let pair: Pair;
let watcher: LineProcess;

before(async () => {
  pair = createPair();
  watcher = startLineProcess({ namespace: pair.node, file: './link-process.ts' });
  await watcher.next('links');
});
after(() => {
  watcher?.close();
  pair?.close();
});

/** Runs ip(8) in the node's namespace. */
const inNode = (words: string) => ip(`-n ${pair.node} ${words}`);

/** Runs many lines of ip(8) in the node's namespace, and ignores failures. */
function inNodeBatch(lines: readonly string[]): void {
  spawnSync('ip', ['-n', pair.node, '-force', '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** The links that the process has printed last. */
function told(by = watcher): readonly Link[] {
  return by.said.findLast(({ kind }) => kind === 'links')?.links as readonly Link[];
}

const linkNamed = (name: string) => told().find((link) => link.name === name);
const addressesOf = (name: string) => linkNamed(name)?.addresses.map(({ address, prefix }) => `${address}/${prefix}`);

/** Waits until the process has printed a link for which `is` holds. */
function toldOf(what: string, name: string, is: (link: Link) => boolean): Promise<unknown> {
  return soon(what, () => told().some((link) => link.name === name && is(link)));
}

/** The links as ip(8) shows them. */
function linksByIp(): readonly Link[] {
  const found: readonly IpLink[] = JSON.parse(inNode('-j address show'));
  return found.map(({ ifname, ifindex, address = '', flags, master, xdp, addr_info }) => ({
    name: ifname,
    index: ifindex,
    mac: address,
    up: flags.includes('UP'),
    carrier: flags.includes('LOWER_UP') && !flags.includes('NO-CARRIER'),
    noArp: flags.includes('NOARP') || flags.includes('LOOPBACK'),
    master,
    xdp: xdp !== undefined,
    addresses: addr_info
      .filter(({ tentative, dadfailed }) => !tentative && !dadfailed)
      .map(({ local, prefixlen }) => ({ address: local, prefix: prefixlen })),
  }));
}

/** The output of `ip -j address` for a link. */
interface IpLink {
  readonly ifname: string;
  readonly ifindex: number;
  readonly address?: string;
  readonly flags: readonly string[];
  readonly master: string | undefined;
  readonly xdp?: unknown;
  readonly addr_info: readonly {
    readonly local: Ip;
    readonly prefixlen: number;
    readonly tentative?: boolean;
    readonly dadfailed?: boolean;
  }[];
}

/** Waits until the process has printed the same links as ip(8). The order of IPv6 addresses may differ. */
function isSameAsByIp(by = watcher): Promise<unknown> {
  const sorted = (links: readonly Link[]) =>
    links.map((link) => ({
      ...link,
      master: link.master,
      addresses: link.addresses.map((own) => JSON.stringify(own)).sort(),
    }));
  return soon('the links are those that ip shows', () => {
    assert.deepEqual(sorted(told(by)), sorted(linksByIp()));
    return true;
  });
}

test('a link has its index, MAC, state and addresses, also addresses with their own label', async () => {
  inNode(`address add 10.98.0.2/24 dev ${linkName} label ${linkName}:extra`);
  await toldOf('the address', linkName, ({ addresses }) => addresses.some(({ address }) => address === '10.98.0.2'));
  const { addresses = [], ...rest } = linkNamed(linkName) ?? {};
  assert.deepEqual(rest, {
    name: linkName,
    index: Number(inNode(`-o link show ${linkName}`).split(':')[0]),
    mac: nodeMac,
    up: true,
    carrier: true,
    noArp: false,
    xdp: false,
  });
  assert.deepEqual(
    addresses.filter(({ address }) => !address.includes(':')),
    [
      { address: '10.99.0.2', prefix: 16 },
      { address: '10.98.0.2', prefix: 24 },
    ],
  );
  inNode(`address del 10.98.0.2/24 dev ${linkName}`);
  await toldOf('its end', linkName, (link) => !link.addresses.some(({ address }) => address === '10.98.0.2'));
  assert.equal(linkNamed('lo')?.noArp, true);
});

test('a pulled cable and a plugged cable change the carrier of the link', async () => {
  ip(`-n ${pair.client} link set ${linkName} down`);
  await toldOf('no carrier', linkName, ({ up, carrier }) => up && !carrier);
  ip(`-n ${pair.client} link set ${linkName} up`);
  await toldOf('carrier', linkName, ({ carrier }) => carrier);
});

test('a link that is set down keeps its IPv4 addresses', async () => {
  inNode(`link set ${linkName} down`);
  await toldOf('down', linkName, ({ up, carrier }) => !up && !carrier);
  assert.ok(addressesOf(linkName)?.includes('10.99.0.2/16'));
  inNode(`link set ${linkName} up`);
  await toldOf('up', linkName, ({ up, carrier }) => up && carrier);
});

test('a change of the MAC is noticed, also back to the former one', async () => {
  inNode(`link set ${linkName} address 02:00:00:00:00:bb`);
  await toldOf('the MAC', linkName, ({ mac }) => mac === '02:00:00:00:00:bb');
  inNode(`link set ${linkName} address ${nodeMac}`);
  await toldOf('the MAC', linkName, ({ mac }) => mac === nodeMac);
});

test('a member of a bridge has the name of the bridge, also after a rename, until it leaves', async () => {
  inNode('link add br0 type bridge');
  inNode(`link set ${linkName} master br0`);
  await toldOf('its master', linkName, ({ master }) => master === 'br0');
  assert.equal(linkNamed('br0')?.master, undefined);
  inNode('link set br0 name lan');
  await toldOf('its master', linkName, ({ master }) => master === 'lan');
  // For this the kernel reports that a link of the family AF_BRIDGE is deleted.
  inNode(`link set ${linkName} nomaster`);
  await toldOf('no master', linkName, ({ master }) => master === undefined);
  inNode('link del lan');
  await soon('no bridge', () => linkNamed('lan') === undefined);
});

test('a renamed link is the same link', async () => {
  inNode('link add a0 type veth peer name a1');
  await toldOf('the link', 'a0', () => true);
  const index = linkNamed('a0')?.index;
  inNode('link set a0 name wan');
  await toldOf('its name', 'wan', (link) => link.index === index);
  assert.equal(linkNamed('a0'), undefined);
  inNode('link del wan');
  await soon('no link', () => linkNamed('wan') === undefined && linkNamed('a1') === undefined);
});

test('a link that is deleted and made again has another index and no old addresses', async () => {
  const make = () => inNode('link add b0 type veth peer name b1');
  make();
  inNode('address add 10.97.0.1/24 dev b0');
  await toldOf('the address', 'b0', ({ addresses }) => addresses.length === 1);
  const index = linkNamed('b0')?.index ?? 0;
  inNode('link del b0');
  make();
  await toldOf('the new link', 'b0', (link) => link.index > index && link.addresses.length === 0);
  inNode('link del b0');
});

test('a link that moves to another namespace is gone', async () => {
  inNode('link add c0 type veth peer name c1');
  await toldOf('the link', 'c0', () => true);
  inNode(`link set c0 netns ${pair.client}`);
  await soon('no link', () => linkNamed('c0') === undefined && linkNamed('c1') !== undefined);
  inNode('link del c1');
});

test('an IPv6 address is listed once it is known to be unique, and never if it is a duplicate', async () => {
  ip(`-n ${pair.client} address add 2001:db8::1/64 dev ${linkName} nodad`);
  for (const address of ['2001:db8::1/64', '2001:db8::2/64']) inNode(`address add ${address} dev ${linkName}`);
  await soon('the unique address', () => addressesOf(linkName)?.includes('2001:db8::2/64'));
  await soon('the duplicate address', () => inNode(`address show dev ${linkName}`).includes('dadfailed'));
  await soon('a link-local address', () => addressesOf(linkName)?.some((address) => address.startsWith('fe80::')));
  await isSameAsByIp();
  assert.equal(addressesOf(linkName)?.includes('2001:db8::1/64'), false);
});

test('all links are read again after more events than the socket holds', async () => {
  await watcher.stop();
  inNodeBatch(Array.from({ length: 1_000 }, (_, i) => `link set ${linkName} mtu ${1400 + (i % 2)}`));
  inNode(`address add 10.96.0.2/24 dev ${linkName}`);
  assert.ok(droppedEvents() > 0, 'nothing was lost');
  watcher.goOn();
  await soon('the address', () => addressesOf(linkName)?.includes('10.96.0.2/24'));
  await isSameAsByIp();
});

/**
 * The number of events that the kernel could not queue for the process's socket: the last column
 * but one of /proc/net/netlink.
 */
function droppedEvents(): number {
  const rows = ip(`netns exec ${pair.node} cat /proc/net/netlink`).split('\n');
  const socket = rows.find((row) => row.includes(' 00000111 ')) ?? assert.fail('no socket');
  return Number(socket.trim().split(/\s+/)[8]);
}

/**
 * Lines of ip(8) about four names: links are added, deleted and changed, and get addresses. Many
 * lines make no sense, and fail.
 */
function changes(): fc.Arbitrary<string> {
  const any = fc.constantFrom('d0', 'd1', 'd2', 'd3');
  const address = fc.tuple(fc.nat(2), fc.integer({ min: 24, max: 26 })).map(([n, bits]) => `10.95.${n}.1/${bits}`);
  const mac = fc.integer({ min: 10, max: 99 }).map((last) => `02:00:00:00:01:${last}`);
  return fc.oneof(
    fc.tuple(any, any).map(([one, other]) => `link add ${one} type veth peer name ${other}`),
    any.map((name) => `link add ${name} type bridge`),
    any.map((name) => `link del ${name}`),
    fc.tuple(any, fc.constantFrom('up', 'down', 'nomaster')).map((words) => `link set ${words.join(' ')}`),
    fc.tuple(any, mac).map(([name, value]) => `link set ${name} address ${value}`),
    fc.tuple(any, any).map(([name, master]) => `link set ${name} master ${master}`),
    fc.tuple(any, any).map(([name, other]) => `link set ${name} name ${other}`),
    fc
      .tuple(fc.constantFrom('add', 'del'), address, any)
      .map(([verb, own, name]) => `address ${verb} ${own} dev ${name}`),
    any.map((name) => `address flush dev ${name}`),
  );
}

test('after any series of changes the links are those that ip shows', async () => {
  const lines = fc.array(changes(), { minLength: 300, maxLength: 300 });
  const property = fc.asyncProperty(lines, async (batch) => {
    inNodeBatch(batch);
    await isSameAsByIp();
  });
  await fc.assert(property, { numRuns: 10, endOnFailure: true });
  inNodeBatch(['d0', 'd1', 'd2', 'd3'].map((name) => `link del ${name}`));
});

test('a monitor that is opened while links change knows all links in the end', async () => {
  const flaps = [0, 1, 0, 1].map((odd) => `link set ${linkName} mtu ${1400 + odd}\n`);
  const names = ['f0', 'f1', 'f2'];
  const batch = spawn('ip', ['-n', pair.node, '-force', '-batch', '-'], { stdio: ['pipe', 'ignore', 'ignore'] });
  const lines = Array.from({ length: 201 }, (_, i) => [...flaps, churn(names[i % names.length] ?? '', i)]);
  batch.stdin.end(lines.flat().join(''));
  const ended = once(batch, 'exit');
  const watchers = [1, 2, 3].map(() => startLineProcess({ namespace: pair.node, file: './link-process.ts' }));
  try {
    for (const each of watchers) await each.next('links');
    await ended;
    for (const each of watchers) await isSameAsByIp(each);
  } finally {
    for (const each of watchers) each.close();
    inNodeBatch(names.map((name) => `link del ${name}`));
  }
});

/** A line of ip(8) that adds a bridge, or deletes it. */
function churn(name: string, i: number): string {
  return i % 2 === 0 ? `link add ${name} type bridge\n` : `link del ${name}\n`;
}

test('after close() a late signal does no harm, and no links are reported', async () => {
  const other = startLineProcess({ namespace: pair.node, file: './link-process.ts' });
  try {
    await other.ask({ do: 'close' }, 'closed');
    const lines = other.said.length;
    inNode('link add e0 type veth peer name e1');
    await toldOf('the link', 'e0', () => true);
    other.child.kill('SIGIO');
    await other.ask({ do: 'close' }, 'closed');
    assert.equal(other.said.length, lines + 1);
  } finally {
    other.close();
    inNode('link del e0');
  }
});

test('a monitor alone does not keep its process alive', async () => {
  const other = startLineProcess({ namespace: pair.node, file: './link-process.ts', args: ['end'] });
  const [code] = await once(other.child, 'exit');
  assert.equal(code, 0);
});

test('a speaker without permission for netlink sockets exits with one clear line', () => {
  const program = new URL('./no-netlink.ts', import.meta.url).pathname;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'speaker', '--node-name', 'node'], {
    encoding: 'utf8',
    env,
  });
  assert.deepEqual([status, stderr], [1, '']);
  const { level, reason, msg } = JSON.parse(stdout);
  assert.deepEqual([level, reason], ['error', 'EACCES']);
  assert.match(msg, /cannot watch the links .* EACCES; .* must allow sockets of family AF_NETLINK/);
});
