/** Reads settings of this node's kernel: links, default routes, versions. Values that cannot be read are omitted. */
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';

/** The settings of a link, or of all links, as numbers. */
interface LinkReadings {
  readonly rpFilter?: number;
  readonly arpIgnore?: number;
  readonly arpAnnounce?: number;
  readonly proxyArp?: number;
  readonly proxyNdp?: number;
}

/** The file of each setting below `/proc/sys/net`. `*` is the name of the link (ip-sysctl in the kernel's documentation). */
const files: Readonly<Record<keyof LinkReadings, string>> = {
  rpFilter: 'ipv4/conf/*/rp_filter',
  arpIgnore: 'ipv4/conf/*/arp_ignore',
  arpAnnounce: 'ipv4/conf/*/arp_announce',
  proxyArp: 'ipv4/conf/*/proxy_arp',
  proxyNdp: 'ipv6/conf/*/proxy_ndp',
};

/** The settings of the link with this name, or of `all`. */
export async function readLinkSettings(link: string): Promise<LinkReadings> {
  const entries = Object.entries(files).map(async ([name, path]) => [name, await readSetting(path.replace('*', link))]);
  return Object.fromEntries((await Promise.all(entries)).filter(([, value]) => value !== undefined)) as LinkReadings;
}

/** Does the kernel forward packets? */
export async function readForwarding(): Promise<{ readonly ipv4?: boolean; readonly ipv6?: boolean }> {
  const [ipv4, ipv6] = await Promise.all([readSetting('ipv4/ip_forward'), readSetting('ipv6/conf/all/forwarding')]);
  return { ...(ipv4 !== undefined && { ipv4: ipv4 > 0 }), ...(ipv6 !== undefined && { ipv6: ipv6 > 0 }) };
}

async function readSetting(path: string): Promise<number | undefined> {
  const value = Number.parseInt(await readText(`/proc/sys/net/${path}`), 10);
  return Number.isNaN(value) ? undefined : value;
}

/** The names of the links of the default routes in the main table. */
export async function readDefaultLinks(): Promise<{
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}> {
  const [ipv4, ipv6] = await Promise.all([readText('/proc/net/route'), readText('/proc/net/ipv6_route')]);
  return { ipv4: defaultLinks4(ipv4), ipv6: defaultLinks6(ipv6) };
}

/** Parses `/proc/net/route`. Its columns are link, destination, gateway, flags, ..., mask. */
export function defaultLinks4(text: string): readonly string[] {
  const rows = text
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/));
  return [
    ...new Set(
      rows.filter(([, to, , , , , , mask]) => to === '00000000' && mask === '00000000').map(([link = '']) => link),
    ),
  ];
}

/** Parses `/proc/net/ipv6_route`. Its columns are destination, prefix length, ..., link. The kernel has a null default route at `lo`. */
export function defaultLinks6(text: string): readonly string[] {
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/));
  const links = rows
    .filter(([to, length]) => length === '00' && /^0{32}$/.test(to ?? ''))
    .map((row) => row.at(-1) ?? '');
  return [...new Set(links.filter((link) => link !== '' && link !== 'lo'))];
}

/** `uname -r`. */
export function kernelRelease(): string {
  return release();
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    // A kernel without IPv6 has no such file.
    return '';
  }
}
