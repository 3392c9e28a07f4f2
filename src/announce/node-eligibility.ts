/**
 * Finds out for each node why it may hold a VIP, or may not: the first reason that applies, in the order of the checks.
 */
import type { Ip } from '../addr/ip.ts';
import { inSubnet, parseLinkAddresses } from '../addr/subnet.ts';
import { type AdvertisementView, coversNode } from '../api/advertisement.ts';
import type { NodeView } from '../api/node.ts';
import { isEdge, isNamedBy, isNamedExactly, linkChooser } from './links.ts';

/**
 * The relation of a node to a VIP:
 * - `Holder`: it holds the VIP;
 * - `Candidate`: it could hold the VIP;
 * - `LinksUnknown`: nothing rules it out, but its links are not known, because its speaker did not answer;
 * - `NoSpeaker`: it runs no speaker;
 * - `Excluded`: it carries the label that excludes it from load balancing;
 * - `NotSelected`: no L2Advertisement of the pool selects it;
 * - `NoLocalEndpoint`: it has no endpoint (`externalTrafficPolicy: Local`);
 * - `NotAlive`: the other speakers do not hear it;
 * - `Draining`: its addresses must move to other nodes;
 * - `LinkNotNamed`: it has a link in the subnet, but the advertisement's `interfaces` do not name that link;
 * - `LinkUnusable`: its link in the subnet is down, is a member of a bond or bridge, or has no inbound traffic;
 * - `NoLink`: it has no link in the subnet;
 * - `NetworkAddress`: the address is the first or the last one of the link's subnet.
 */
export const ineligibleReasons = [
  'Holder',
  'Candidate',
  'LinksUnknown',
  'NoSpeaker',
  'Excluded',
  'NotSelected',
  'NoLocalEndpoint',
  'NotAlive',
  'Draining',
  'LinkNotNamed',
  'LinkUnusable',
  'NoLink',
  'NetworkAddress',
] as const;

/** One of {@link ineligibleReasons}. */
export type IneligibleReason = (typeof ineligibleReasons)[number];

/** A link as the speaker of its node reports it. */
export interface ReportedLink {
  readonly name: string;
  /** As `address/prefix`. */
  readonly addresses: readonly string[];
  /** Why it carries no announcements. */
  readonly unusable?: string;
  readonly noInboundTraffic: boolean;
}

/** The facts on which the reason depends. */
interface EligibilityContext {
  readonly address: Ip;
  /** The advertisements of its pool. */
  readonly advertisements: readonly AdvertisementView[];
  readonly holder: string | undefined;
  /** See {@link obeysExclusion}. */
  readonly obeysExclusion: boolean;
  readonly hasSpeaker: (node: string) => boolean;
  /** The nodes with an endpoint, if only those may hold the VIP; undefined: any node may. */
  readonly endpointNodes: ReadonlySet<string> | undefined;
  readonly isAlive: (node: string) => boolean;
  /** undefined: its speaker could not be queried. */
  readonly linksOf: (node: string) => readonly ReportedLink[] | undefined;
}

/** A node, and its relation to a VIP. */
export interface NodeEligibility {
  readonly node: string;
  readonly reason: IneligibleReason;
  /** The link, and the problem with it. */
  readonly detail: string;
}

/**
 * Does the label `node.kubernetes.io/exclude-from-external-load-balancers` exclude nodes? It does if another node could serve instead: a
 * node without the label that runs a speaker. Otherwise the label is ignored, because no node could announce: kubeadm labels every control
 * plane node. What the advertisements select does not count: they select on purpose.
 */
export function obeysExclusion(nodes: readonly NodeView[], hasSpeaker: (node: string) => boolean): boolean {
  return nodes.some(({ name, excluded }) => !excluded && hasSpeaker(name));
}

/** The reason for one node. */
export function eligibilityOf(node: NodeView, context: EligibilityContext): NodeEligibility {
  const { name, labels, excluded, draining } = node;
  const { advertisements, holder, hasSpeaker, endpointNodes, isAlive } = context;
  const result = (reason: IneligibleReason, detail = ''): NodeEligibility => ({ node: name, reason, detail });
  if (!hasSpeaker(name)) return result('NoSpeaker');
  if (excluded && context.obeysExclusion) return result('Excluded');
  const here = advertisements.filter((advertisement) => coversNode(advertisement, labels));
  if (here.length === 0) return result('NotSelected');
  if (endpointNodes !== undefined && !endpointNodes.has(name)) return result('NoLocalEndpoint');
  if (!isAlive(name)) return result('NotAlive');
  const link = linkReason(context.address, here, context.linksOf(name));
  if (link.reason !== undefined) return result(link.reason, link.detail);
  if (draining) return result('Draining', link.detail);
  if (name === holder) return result('Holder', link.detail);
  return result(context.linksOf(name) === undefined ? 'LinksUnknown' : 'Candidate', link.detail);
}

type Linked = { readonly reason: IneligibleReason | undefined; readonly detail: string };

/** Chooses the links by the rule of {@link linkChooser}, and returns the reason if there is none, with the links that it is about. */
function linkReason(vip: Ip, here: readonly AdvertisementView[], links: readonly ReportedLink[] | undefined): Linked {
  if (links === undefined) return { reason: undefined, detail: 'its links are not known' };
  const views = links.map((link) => ({ ...link, addresses: parseLinkAddresses(link.addresses) }));
  const fit = views.filter(isFit);
  const chosen = linkChooser(here, fit)(vip);
  if (chosen.length > 0) return { reason: undefined, detail: named(chosen) };
  const near = views.filter(({ addresses }) => addresses.some((own) => inSubnet(vip, own)));
  const allowed = views.filter((link) =>
    near.includes(link) ? isNamedBy(link.name, here) : isNamedExactly(link.name, here),
  );
  const edges = allowed.filter((link) => isFit(link) && isEdge(vip, link)).map(({ name }) => name);
  if (edges.length > 0) return { reason: 'NetworkAddress', detail: named(edges) };
  // A link in the subnet would announce the address as soon as it works.
  const broken = onlyNear(allowed, near).map((link) => `${link.name}: ${link.unusable ?? 'NoInboundTraffic'}`);
  if (broken.length > 0) return { reason: 'LinkUnusable', detail: named(broken) };
  const patterns = [...new Set(here.flatMap(({ interfaces }) => interfaces))].join(', ');
  const others = (near.some(isFit) ? near.filter(isFit) : near).map(({ name }) => name);
  if (others.length > 0) return { reason: 'LinkNotNamed', detail: `${named(others)}; interfaces: ${patterns}` };
  const subnets = links.filter(isFit).flatMap(({ name, addresses }) => addresses.map((own) => `${name} ${own}`));
  return { reason: 'NoLink', detail: `has ${subnets.filter((text) => !/ fe80:/i.test(text)).join(', ') || 'none'}` };
}

function isFit({ unusable, noInboundTraffic }: Pick<ReportedLink, 'unusable' | 'noInboundTraffic'>): boolean {
  return unusable === undefined && !noInboundTraffic;
}

/** The links that are in the subnet; all of them if none is. */
function onlyNear<L>(links: readonly L[], near: readonly L[]): readonly L[] {
  const both = links.filter((link) => near.includes(link));
  return both.length > 0 ? both : links;
}

function named(links: readonly string[]): string {
  return `${links.length === 1 ? 'link' : 'links'} ${links.join(', ')}`;
}
