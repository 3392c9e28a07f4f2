/**
 * The parts of a data path that can be left out one by one, so that what the kernel refuses about one part keeps the
 * rules of no other part out.
 */
import type { Ip } from '../../addr/ip.ts';
import type { DataPath } from './spec.ts';

/** The name of a part: its kind, and the VIP, the link or the endpoint. */
export type Part = `${'vip' | 'link' | 'endpoint'} ${string}`;

const ofEndpoint = (endpoint: Ip): Part => `endpoint ${endpoint}`;

/** The part that contains everything about a VIP. */
export function ofVip(vip: Ip): Part {
  return `vip ${vip}`;
}

/** The part that contains everything about a link of this node. */
export function ofLink(link: string): Part {
  return `link ${link}`;
}

/** Is it the part of a link? */
export function isLink(part: Part): boolean {
  return part.startsWith('link ');
}

/** All parts of a path, in the order in which they are tried: links first, because VIPs depend on them. */
export function partsOf({ links, spreadLinks, vips, deadEndpoints }: DataPath): readonly Part[] {
  const names = new Set([...links.map(({ name }) => name), ...spreadLinks]);
  const addresses = new Set(vips.map(({ address }) => address));
  return [...[...names].map(ofLink), ...[...addresses].map(ofVip), ...deadEndpoints.map(ofEndpoint)];
}

/** The path without these parts; the same object if there are none. */
export function without(path: DataPath, left: ReadonlySet<Part>): DataPath {
  if (left.size === 0) return path;
  const isKept = (vip: Ip) => !left.has(ofVip(vip));
  const isLinkKept = (name: string) => !left.has(ofLink(name));
  return {
    ...path,
    vips: path.vips.filter(({ address }) => isKept(address)),
    spread: path.spread.filter(({ vip, link }) => isKept(vip) && isLinkKept(link)),
    chances: path.chances.filter(({ vip, to }) => isKept(vip) && isLinkKept(to.link)),
    links: path.links.filter(({ name }) => isLinkKept(name)),
    spreadLinks: path.spreadLinks.filter(isLinkKept),
    deadEndpoints: path.deadEndpoints.filter((endpoint) => !left.has(ofEndpoint(endpoint))),
  };
}

/** Parts that two paths have in common, and that probably have not changed. */
export function commonParts(before: DataPath, now: DataPath): readonly Part[] {
  const [known, paths] = [new Set(partsOf(before)), new Set(before.vips)];
  const changed = new Set(now.vips.filter((path) => !paths.has(path)).map(({ address }) => ofVip(address)));
  return partsOf(now).filter((part) => known.has(part) && !changed.has(part));
}

/** A text that changes whenever the facts of a part change. */
export function factsOf(part: Part, path: DataPath): string {
  const [kind, name] = part.split(' ', 2);
  if (kind === 'vip') {
    const chances = path.chances.filter(({ vip }) => vip === name);
    const spread = path.spread.filter(({ vip }) => vip === name);
    return JSON.stringify([path.vips.filter(({ address }) => address === name), spread, chances]);
  }
  return kind === 'link' ? JSON.stringify(path.links.filter((link) => link.name === name)) : part;
}
