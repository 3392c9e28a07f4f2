/** A node with links like those of real machines, the hosts at their other ends, and a speaker on it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Ip } from '../../src/addr/ip.ts';
import type { LinkStatus, VipStatus } from '../../src/api/speaker-status.ts';
import type { ClusterFacts } from './announcing-process.ts';
import { type RawHost, rawHost, requestFor } from './frame-lab.ts';
import { startLineProcess } from './line-process.ts';
import { addNamespaces, addressLine, deleteNamespaces, ipBatch, linkName, portForwards } from './namespaces.ts';
import { soon } from './soon.ts';

/** A link of the node. */
export interface Nic {
  readonly link: string;
  readonly mac: string;
  readonly addresses?: readonly string[];
}

/** A node, and functions to build its surroundings. */
export interface NicLab {
  /** The namespace of the node. */
  readonly node: string;
  /** Makes a host with these addresses, and the node's links that lead to it. All of these links are in one segment. */
  host(addresses: readonly string[], nics: readonly Nic[]): Promise<LanHost>;
  /** Starts the speaker. */
  speaker(facts: Omit<ClusterFacts, 'keyFile'>): Promise<Speaker>;
  /** The key file of the speaker's datagrams. */
  readonly keyFile: string;
}

/** A host at the other end of a link. */
export interface LanHost extends RawHost {
  readonly namespace: string;
  /** Sets the port of one of the node's links down, as if the cable were pulled. */
  unplug(link: string): void;
  /** Sends gratuitous ARP for an address, with a hardware address that no host has. */
  claim(address: string): Promise<void>;
}

/** The speaker of the node. */
export interface Speaker {
  status(): Promise<{ readonly links: readonly LinkStatus[]; readonly vips: readonly VipStatus[] }>;
  /** Waits until a VIP is announced on these links. */
  announces(address: string, ...links: readonly string[]): Promise<void>;
  /** The kind of conflict that the speaker has detected for a VIP, or `none`. */
  conflictOf(address: string): Promise<string>;
  /**
   * The conflict for a VIP when the speaker has certainly received what `work` has sent: it has
   * answered twice after that, in its own network. It repeats the work if there is no conflict,
   * because a stalled speaker drops the frames that came meanwhile.
   */
  conflictAfter(address: string, work: () => Promise<unknown>, by: Pick<LanHost, 'ask'>): Promise<string>;
}

/** The number of attempts, for a speaker that may miss one. */
const attempts = 3;

/** The hardware address in the claims. */
const strangersMac = '02:00:00:00:00:66';

let made = 0;

/** Makes a node. The node and its surroundings end with the test, or with the file if `t` belongs to a hook. */
export function createNode(t: Pick<TestContext, 'after'>): NicLab {
  const prefix = `berth-${process.pid}-nic${++made}`;
  const node = `${prefix}n`;
  addNamespaces([node]);
  t.after(() => deleteNamespaces([node]));
  const folder = mkdtempSync(join(tmpdir(), 'berth-nics-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const keyFile = join(folder, 'keys');
  writeFileSync(keyFile, Buffer.alloc(32, 7).toString('base64'));
  let hosts = 0;
  return {
    node,
    keyFile,
    host: async (addresses, nics) => {
      const namespace = `${prefix}h${++hosts}`;
      addNamespaces([namespace]);
      t.after(() => deleteNamespaces([namespace]));
      plugIn(node, namespace, { addresses, nics });
      for (const { link } of nics) await portForwards(namespace, portOf(link));
      return await startHost(t, namespace);
    },
    speaker: async (facts) => {
      const args = [JSON.stringify({ ...facts, keyFile } satisfies ClusterFacts)];
      const process = startLineProcess({ namespace: node, file: './announcing-process.ts', args });
      t.after(() => process.close());
      await process.next('ready');
      return speakerOf(async () => (await process.ask({}, 'status')) as never);
    },
  };
}

/** The host's own link is a bridge, so that any number of the node's links can be in its segment. */
function plugIn(
  node: string,
  host: string,
  { addresses, nics }: { readonly addresses: readonly string[]; readonly nics: readonly Nic[] },
): void {
  const own = ['02:00:00:00:00:01', 'type bridge mcast_snooping 0'];
  ipBatch(host, [`link add ${linkName} address ${own.join(' ')}`, `link set ${linkName} up`]);
  ipBatch(
    host,
    addresses.map((address) => addressLine(linkName, address)),
  );
  for (const { link, mac, addresses: at = [] } of nics) {
    ipBatch(node, [
      `link add ${link} address ${mac} type veth peer name ${portOf(link)} netns ${host}`,
      `link set ${link} up`,
      ...at.map((address) => addressLine(link, address)),
    ]);
    ipBatch(host, [`link set ${portOf(link)} master ${linkName} up`]);
  }
}

const portOf = (link: string) => `to-${link}`;

async function startHost(t: Pick<TestContext, 'after'>, namespace: string): Promise<LanHost> {
  const raw = startLineProcess({ namespace, file: './frame-process.ts' });
  t.after(() => raw.close());
  await raw.next('ready');
  const host = rawHost(raw);
  return {
    ...host,
    namespace,
    unplug: (link) => ipBatch(namespace, [`link set ${portOf(link)} down`]),
    claim: async (address) => {
      for (const frame of claimsTo(address)) await host.send(frame);
    },
  };
}

/** The two forms of a gratuitous ARP, a request and a reply. */
function claimsTo(address: string): readonly Uint8Array[] {
  const claim = { source: strangersMac, senderMac: strangersMac, senderIp: address as Ip };
  return [1, 2].map((operation) => requestFor(address, { ...claim, operation }));
}

function speakerOf(status: Speaker['status']): Speaker {
  const vipOf = async (address: string) => (await status()).vips.find((vip) => vip.address === address);
  const conflictOf = async (address: string) => (await vipOf(address))?.conflict?.kind ?? 'none';
  return {
    status,
    conflictOf,
    conflictAfter: async (address, work, { ask }) => {
      let conflict = 'none';
      for (let attempt = 0; attempt < attempts && conflict === 'none'; attempt++) {
        await work();
        // The worker reads all links in turn. With the second answer the turn of the earlier frames is over.
        for (let turn = 0; turn < 2; turn++) await ask(requestFor(address), address);
        // The main thread has processed them when it answers this.
        await status();
        conflict = await conflictOf(address);
      }
      return conflict;
    },
    announces: async (address, ...links) => {
      await soon(`${address} is announced on ${links}`, async () => {
        const vip = await vipOf(address);
        if (vip?.action === 'Announce' && `${vip.links}` === `${links}`) return true;
        throw new Error(JSON.stringify(vip));
      });
    },
  };
}
