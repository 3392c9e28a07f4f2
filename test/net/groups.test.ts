/**
 * Solicited-node groups: a switch that snoops MLD forwards solicitations to us because the kernel
 * has reported that we joined.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, test } from 'node:test';
import { eventually } from '../lab/poll.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';
import {
  createSwitchedPair,
  ip,
  linkName,
  nodeMac,
  type SwitchedPair,
  switchForwards,
  switchPort,
  writeSysctl,
} from './namespaces.ts';
import { isAnsweredBy, neighbor } from './neighbor.ts';
import { soon } from './soon.ts';

const vip = 'fd99::c8:1';
/** An address with the same last 24 bits, so with the same group. */
const twin = 'fd99::aa:0:c8:1';
const later = 'fd99::c9:1';
const groupOf = { [vip]: 'ff02::1:ffc8:1', [later]: 'ff02::1:ffc9:1' } as const;

/** Like a container with the capability NET_RAW and no other. */
const onlyNetRaw = ['setpriv', '--bounding-set', '-all,+net_raw', '--inh-caps', '-all,+net_raw'];

let pair: SwitchedPair;
let responder: LineProcess;

beforeEach(async () => {
  pair = await createSwitchedPair();
  // The client sends three requests before it gives up, by default one a second.
  writeSysctl(pair.client, `net/ipv6/neigh/${linkName}/retrans_time_ms`, '100');
  responder = startLineProcess({ namespace: pair.node, file: './responder-process.ts', prefix: onlyNetRaw });
  await responder.next('ready');
});
afterEach(() => {
  responder?.close();
  pair?.close();
});

function answer(...vips: readonly string[]): Promise<unknown> {
  return responder.ask({ do: 'apply', links: { [linkName]: vips } }, 'done');
}

/** Whether the switch forwards this group to the node. */
function isForwarded(group: string): boolean {
  const lines = execFileSync('bridge', ['-n', pair.switch, 'mdb', 'show'], { encoding: 'utf8' }).split('\n');
  return lines.some((line) => line.includes(`port ${switchPort.node} grp ${group} `));
}

/** The client's neighbor entry for an address. */
const entryOf = (address: string) => neighbor(pair.client, address);

/** Waits until the client gets an answer to its own multicast request. */
const resolves = (address: string) => isAnsweredBy(pair.client, address, nodeMac);

/** Resolves an address until the kernel gives up. */
async function resolvesNot(address: string): Promise<void> {
  ip(`-n ${pair.client} neigh replace ${address} dev ${linkName} use`);
  await soon(`${address} is not resolved`, () => /FAILED|^$/.test(entryOf(address).trim()));
}

/** The number of VIP groups that the node's kernel has joined. */
function joined(): number {
  const table = execFileSync('ip', ['netns', 'exec', pair.node, 'cat', '/proc/net/igmp6'], { encoding: 'utf8' });
  return [...table.matchAll(/ff0200000000000000000001ffc[0-9a-f]{5} /g)].length;
}

test('the switch forwards the group of a VIP from the moment that it is answered until it is withdrawn', async () => {
  await answer();
  await resolvesNot(vip);
  await answer(vip, twin);
  await soon('the group is forwarded', () => isForwarded(groupOf[vip]));
  await resolves(vip);
  await answer(twin, later);
  await resolves(later);
  assert.ok(isForwarded(groupOf[vip]), 'another VIP still has the group');
  await answer(later);
  await soon('the group is left', () => joined() === 1);
  await soon('the group is not forwarded', () => !isForwarded(groupOf[vip]));
  await resolves(later);
});

test('after a pulled cable the kernel reports the groups again, and solicitations arrive', async () => {
  await answer(vip);
  await resolves(vip);
  ip(`-n ${pair.switch} link set ${switchPort.node} down`);
  await soon('the switch has forgotten the group', () => !isForwarded(groupOf[vip]));
  ip(`-n ${pair.switch} link set ${switchPort.node} up`);
  await soon('the group is forwarded', () => isForwarded(groupOf[vip]));
  await resolves(vip);
});

test('10,000 groups are joined, also with the socket option memory of older kernels', async () => {
  writeSysctl(pair.node, 'net/core/optmem_max', '20480');
  const vips = Array.from({ length: 10_000 }, (_, i) => `fd99::c8:${(i + 1).toString(16)}`);
  await answer(...vips);
  await eventually('all groups are joined', () => joined() === vips.length);
  await answer(vip);
  await eventually('all but one are left', () => joined() === 1);
  await resolves(vip);
});

test('groups are joined again on a link that is deleted and made again under its name', async () => {
  await answer(vip);
  await resolves(vip);
  ip(`-n ${pair.node} link del ${linkName}`);
  await responder.next('linkFailed');
  ip(`-n ${pair.switch} link add ${switchPort.node} type veth peer name ${linkName} netns ${pair.node}`);
  ip(`-n ${pair.switch} link set ${switchPort.node} master br0 up`);
  ip(`-n ${pair.node} link set ${linkName} address ${nodeMac} up`);
  await switchForwards(pair.switch);
  await answer(vip);
  await soon('the group is forwarded', () => isForwarded(groupOf[vip]));
  await resolves(vip);
});

test('after its link is set down and up, the speaker has its groups again, answers, and advertises the VIP', async () => {
  // Without this the kernel removes the address when the link goes down, and with it the VIP's subnet.
  writeSysctl(pair.node, `net/ipv6/conf/${linkName}/keep_addr_on_down`, '1');
  const speaker = startLineProcess({ namespace: pair.node, file: './announce-process.ts', args: [vip] });
  const lastSaid = () => speaker.said.findLast(({ kind }) => kind === 'announcing')?.names;
  try {
    await soon('the speaker announces the VIP', () => `${lastSaid()}` === linkName);
    await resolves(vip);
    ip(`-n ${pair.node} link set ${linkName} down`);
    await soon('the speaker is silent', () => `${lastSaid()}` === '');
    // A host with another MAC in its entry learns ours without a request.
    ip(`-n ${pair.client} neigh replace ${vip} lladdr 02:00:00:00:00:bb dev ${linkName} nud reachable`);
    ip(`-n ${pair.node} link set ${linkName} up`);
    await soon('an unsolicited advertisement', () => entryOf(vip).includes(nodeMac));
    await soon('the group is forwarded', () => isForwarded(groupOf[vip]));
    await resolves(vip);
  } finally {
    speaker.close();
  }
});
