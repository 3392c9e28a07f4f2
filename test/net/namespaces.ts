/** Two network namespaces joined by a veth pair: a client's and a node's. */
import { execFileSync } from 'node:child_process';
import { soon } from './soon.ts';

/** The name of the link at both ends. */
export const linkName = 'v0';

/** Hardware addresses of the two ends. */
export const clientMac = '02:00:00:00:00:01';
export const nodeMac = '02:00:00:00:00:aa';

/**
 * The names of the namespaces, for `ip netns exec`. Client 10.99.0.1/16 and fd99::1/64, node
 * 10.99.0.2/16 and fd99::2/64.
 */
export interface Pair {
  readonly client: string;
  readonly node: string;
  /** Deletes both namespaces, and with them the links. */
  close(): void;
}

let made = 0;

const prefix = `berth-${process.pid}-`;

/** Options of new namespaces. */
export interface NamespaceOptions {
  /**
   * Whether the kernels probe for an IPv6 address before they use it (DAD, RFC 4862 section 5.4).
   * Without DAD their link-local addresses are there at once. With it they come after a second or
   * two, and what a host sends earlier may be lost.
   */
  readonly hasDad: boolean;
}

/** Makes a pair whose names contain this process's id, so that test runs do not collide. */
export function createPair(options: NamespaceOptions = { hasDad: true }): Pair {
  made += 1;
  const names = { client: `${prefix}${made}c`, node: `${prefix}${made}n` };
  const close = () => deleteNamespaces(Object.values(names));
  addNamespaces(Object.values(names), options);
  try {
    ip(`-n ${names.client} link add ${linkName} type veth peer name ${linkName} netns ${names.node}`);
    setUpEnds(names);
    return { ...names, close };
  } catch (cause) {
    close();
    throw cause;
  }
}

/** Makes namespaces; leaves none behind on failure. */
export function addNamespaces(names: readonly string[], { hasDad }: NamespaceOptions = { hasDad: false }): void {
  try {
    for (const name of names) {
      ip(`netns add ${name}`);
      if (!hasDad) writeSysctl(name, 'net/ipv6/conf/default/accept_dad', '0');
    }
  } catch (cause) {
    deleteNamespaces(names);
    throw cause;
  }
}

/** Deletes namespaces, and with them their links. Ignores namespaces that do not exist. */
export function deleteNamespaces(names: readonly string[]): void {
  for (const name of names) {
    try {
      ip(`netns del ${name}`);
    } catch {}
  }
}

function setUpEnds({ client, node }: { readonly client: string; readonly node: string }): void {
  setUp(client, { mac: clientMac, addresses: ['10.99.0.1/16', 'fd99::1/64'] });
  setUp(node, { mac: nodeMac, addresses: ['10.99.0.2/16', 'fd99::2/64'] });
}

/** A pair whose link goes through a switch that snoops MLD (RFC 4541): a bridge in a namespace of its own. */
export interface SwitchedPair extends Pair {
  readonly switch: string;
}

/** Ports of the switch. */
export const switchPort = { client: 'client', node: 'node' } as const;

/** Makes such a pair, and waits until the switch forwards a group to its members only. */
export async function createSwitchedPair(): Promise<SwitchedPair> {
  made += 1;
  const names = { client: `${prefix}${made}c`, node: `${prefix}${made}n`, switch: `${prefix}${made}s` };
  const close = () => deleteNamespaces(Object.values(names));
  try {
    addNamespaces(Object.values(names), { hasDad: true });
    await switchOn(names.switch);
    for (const host of ['client', 'node'] as const) {
      const port = switchPort[host];
      ip(`-n ${names.switch} link add ${port} type veth peer name ${linkName} netns ${names[host]}`);
      ip(`-n ${names.switch} link set ${port} master ${bridge} up`);
    }
    setUpEnds(names);
    hurryMld(names.node);
    await switchForwards(names.switch);
    return { ...names, close };
  } catch (cause) {
    close();
    throw cause;
  }
}

const bridge = 'br0';

/** Waits until both ports forward: an earlier report is lost, and the next one comes only after minutes. */
export async function switchForwards(name: string): Promise<void> {
  for (const port of Object.values(switchPort)) await portForwards(name, port);
}

/** Waits until the port of a bridge forwards. The kernel needs up to a second to detect the carrier. */
export async function portForwards(name: string, port: string): Promise<void> {
  const state = () => execFileSync('bridge', ['-n', name, 'link', 'show', 'dev', port], { encoding: 'utf8' });
  await soon(`port ${port} forwards`, () => state().includes('state forwarding'));
}

/**
 * A bridge snoops once it is a querier, and a querier needs a usable address. Its times, in
 * hundredths of a second, are as short as those of the hosts. After a member has left, it queries
 * twice for other members.
 */
async function switchOn(name: string): Promise<void> {
  writeSysctl(name, 'net/ipv6/conf/default/accept_dad', '0');
  const times = 'mcast_query_response_interval 10 mcast_last_member_interval 10';
  ip(`-n ${name} link add ${bridge} type bridge mcast_snooping 1 mcast_mld_version 2 ${times}`);
  ip(`-n ${name} link set ${bridge} up`);
  await soon('the switch has an address', () => ip(`-n ${name} address show dev ${bridge}`).includes('fe80::'));
  ip(`-n ${name} link set ${bridge} type bridge mcast_querier 1`);
}

/**
 * A kernel repeats the reports of its groups at random times, up to a second apart (RFC 3810
 * section 9.11): here ten times as fast.
 */
function hurryMld(name: string): void {
  writeSysctl(name, `net/ipv6/conf/${linkName}/mldv2_unsolicited_report_interval`, '100');
}

/** Writes a setting below /proc/sys in a namespace. */
export function writeSysctl(namespace: string, path: string, value: string): void {
  run(namespace, 'sh', '-c', `echo ${value} >/proc/sys/${path}`);
}

/**
 * Waits until the links of these namespaces have their link-local addresses. Without one a kernel
 * cannot resolve a neighbor when the packet's source is an address that it does not have, so it
 * cannot send a reset or an error from a VIP. They appear when the kernel has noticed the carrier.
 */
export async function haveLinkLocal(names: readonly string[]): Promise<void> {
  for (const name of names) {
    const addresses = () => ip(`-n ${name} -6 address show dev ${linkName} scope link`);
    await soon(`${name} has its link-local address`, () => /fe80::(?!.*tentative)/.test(addresses()));
  }
}

/** Lets a namespace forward packets, like a router and a node of Kubernetes. */
export function forwardIn(namespace: string): void {
  run(namespace, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding');
}

/**
 * The command line that runs a program in a namespace. nsenter(1) takes half the time of `ip netns
 * exec`, which mounts /sys each time.
 */
export function inNamespace(namespace: string, ...words: readonly string[]): [string, string[]] {
  return ['nsenter', [`--net=/run/netns/${namespace}`, ...words]];
}

/** Runs a program in a namespace; returns what it prints. */
export function run(namespace: string, ...words: readonly string[]): string {
  return execFileSync(...inNamespace(namespace, ...words), { encoding: 'utf8', stdio: 'pipe' });
}

function setUp(
  namespace: string,
  { mac, addresses }: { readonly mac: string; readonly addresses: readonly string[] },
): void {
  ipBatch(namespace, [
    `link set ${linkName} address ${mac}`,
    ...addresses.map((address) => addressLine(linkName, address)),
    `link set ${linkName} up`,
  ]);
}

/**
 * The line of ip(8) that gives a link an address. The address is unique: without "nodad" an IPv6
 * address is unusable for its first second.
 */
export function addressLine(link: string, address: string): string {
  return `address add ${address} dev ${link}${address.includes(':') ? ' nodad' : ''}`;
}

/** Runs lines of ip(8) in a namespace, in one process; throws at the first that fails. */
export function ipBatch(namespace: string, lines: readonly string[]): void {
  const input = `${lines.join('\n')}\n`;
  execFileSync('ip', ['-n', namespace, '-batch', '-'], { input, encoding: 'utf8', stdio: ['pipe', 'ignore', 'pipe'] });
}

/** Runs ip(8) with words separated by spaces; returns what it prints. */
export function ip(words: string): string {
  return execFileSync('ip', words.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
