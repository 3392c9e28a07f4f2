/** Reads what the kernel of this node says of itself: settings of links, default routes, versions. What cannot be read is left out. */
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';

/** Settings of a link, or of all links; a number each. */
export interface LinkReadings {
  readonly rpFilter?: number;
  readonly arpIgnore?: number;
  readonly arpAnnounce?: number;
  readonly proxyArp?: number;
  readonly proxyNdp?: number;
}

/** Each setting's file below `/proc/sys/net`; `*` stands for the link (ip-sysctl in the kernel's documentation). */
const files: Readonly<Record<keyof LinkReadings, string>> = {
  rpFilter: 'ipv4/conf/*/rp_filter',
  arpIgnore: 'ipv4/conf/*/arp_ignore',
  arpAnnounce: 'ipv4/conf/*/arp_announce',
  proxyArp: 'ipv4/conf/*/proxy_arp',
  proxyNdp: 'ipv6/conf/*/proxy_ndp',
};

/** The settings of a link by its name, or of `all`. */
export async function readLinkSettings(link: string): Promise<LinkReadings> {
  const entries = Object.entries(files).map(async ([name, path]) => [name, await readSetting(path.replace('*', link))]);
  return Object.fromEntries((await Promise.all(entries)).filter(([, value]) => value !== undefined)) as LinkReadings;
}

/** Does the kernel pass packets on? */
export async function readForwarding(): Promise<{ readonly ipv4?: boolean; readonly ipv6?: boolean }> {
  const [ipv4, ipv6] = await Promise.all([readSetting('ipv4/ip_forward'), readSetting('ipv6/conf/all/forwarding')]);
  return { ...(ipv4 !== undefined && { ipv4: ipv4 > 0 }), ...(ipv6 !== undefined && { ipv6: ipv6 > 0 }) };
}

async function readSetting(path: string): Promise<number | undefined> {
  const value = Number.parseInt(await readText(`/proc/sys/net/${path}`), 10);
  return Number.isNaN(value) ? undefined : value;
}

/** The names of the links that default routes of the main table leave by. */
export async function readDefaultLinks(): Promise<{
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}> {
  const [ipv4, ipv6] = await Promise.all([readText('/proc/net/route'), readText('/proc/net/ipv6_route')]);
  return { ipv4: defaultLinks4(ipv4), ipv6: defaultLinks6(ipv6) };
}

/** Of `/proc/net/route`: link, destination, gateway, flags, ..., mask. */
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

/** Of `/proc/net/ipv6_route`: destination, its length, ..., link. The kernel keeps a route to nowhere for what has no other. */
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
