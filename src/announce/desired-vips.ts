/**
 * Derives the desired VIPs from the cluster's objects: every VIP to announce, and the nodes that may and can announce
 * it.
 */
import { familyOf, type Ip } from '../addr/ip.ts';
import { parseLinkAddresses } from '../addr/subnet.ts';
import { type AdvertisementView, coversEntry, coversNode } from '../api/advertisement.ts';
import { type AllocationView, wasAnnounced } from '../api/allocation.ts';
import type { NodeView } from '../api/node.ts';
import { backendsOf, type ServiceView } from '../api/service.ts';
import type { Vip } from '../election/view.ts';
import type { PeerLink } from '../liveness/messages.ts';
import { Memo } from '../memo/memo.ts';
import { linkChooser } from './links.ts';
import { obeysExclusion } from './node-eligibility.ts';

/** Stands for all places that are not nodes: an endpoint there serves too. */
export const elsewhere = '';

/** The key of a Service's endpoints of one family: traffic for a VIP goes to endpoints of its own family only. */
export function endpointKey(service: string, vip: Ip): string {
  return `${service} ${familyOf(vip)}`;
}

/** The nodes with an endpoint of a family that serves, or {@link elsewhere}, by {@link endpointKey}. */
export interface EndpointNodes {
  get(key: string): Pick<ReadonlySet<string>, 'has' | 'size'> | undefined;
}

/** All facts on which the desired VIPs depend: the same on every node. */
export interface DesiredVipSnapshot {
  readonly ledger: readonly AllocationView[];
  /** The Service with a uid. */
  readonly service: (uid: string) => ServiceView | undefined;
  readonly endpointNodes: EndpointNodes;
  readonly advertisements: readonly AdvertisementView[];
  readonly nodes: readonly NodeView[];
  /** The nodes that run a speaker. */
  readonly speakers: ReadonlySet<string>;
}

/** Why no node may announce an address. */
export type NotDesiredReason = 'NotInStatus' | 'NoAdvertisement' | 'NoCandidate' | 'NoLocalEndpoints';

/** An address of the ledger that no node may announce. */
export interface Unwanted {
  readonly uid: string;
  readonly address: Ip;
  readonly reason: NotDesiredReason;
}

/** A VIP, and the advertisements that select it. */
export interface DesiredVip extends Vip {
  readonly advertisements: readonly AdvertisementView[];
  /** Was it ever announced, according to the ledger: by Berth, or by the program that served it before? */
  readonly wasAnnounced: boolean;
  /** Was it announced by another program only, which may still answer for it? */
  readonly isAdopted: boolean;
  /** Another host was found to use it, according to the ledger. */
  readonly wasTaken: boolean;
}

/** The addresses to announce, and the addresses that no node may announce. */
export interface DesiredVips {
  readonly vips: readonly DesiredVip[];
  readonly unwanted: readonly Unwanted[];
}

/** The links of a node, as its speaker reports them; undefined before its first report. */
export type LinksOf = (node: string) => readonly PeerLink[] | undefined;

/** Reads the objects once. Only addresses of the ledger are announced, whatever the status of a Service contains. */
export function desiredVipsOf(snapshot: DesiredVipSnapshot, linksOf: LinksOf): DesiredVips {
  return new DesiredVipReader().read(snapshot, linksOf);
}

/** What a VIP depends on besides its entry. */
interface VipFacts {
  readonly service: ServiceView | undefined;
  readonly cover: Cover;
  readonly eligible: ReadonlySet<string>;
}

/**
 * Reads the objects repeatedly. A VIP that has not changed is the same object as before, so that no caller has to
 * compare it.
 */
export class DesiredVipReader {
  readonly #known = new Memo<AllocationView, DesiredVip | Unwanted>();
  #covers = new Map<string, Cover>();
  #coversKey = '';

  /** Reads the objects. */
  read(snapshot: DesiredVipSnapshot, linksOf: LinksOf): DesiredVips {
    const key = keyOf(snapshot, linksOf);
    if (key !== this.#coversKey) this.#covers = new Map();
    this.#coversKey = key;
    const vips: DesiredVip[] = [];
    const unwanted: Unwanted[] = [];
    for (const entry of snapshot.ledger) {
      const desired = this.#desiredOf(entry, snapshot, linksOf);
      if ('reason' in desired) unwanted.push(desired);
      else vips.push(desired);
    }
    return { vips, unwanted };
  }

  #desiredOf(entry: AllocationView, snapshot: DesiredVipSnapshot, linksOf: LinksOf): DesiredVip | Unwanted {
    const { address } = entry;
    const service = decisiveOf(entry, snapshot);
    const kind = coverKind(entry, snapshot);
    const cover = this.#covers.get(kind) ?? coverOf(entry, snapshot, linksOf);
    this.#covers.set(kind, cover);
    const isLocal = service?.local === true;
    const eligible = isLocal
      ? cover.withEndpoint(endpointKey(service.key, address), snapshot.endpointNodes)
      : cover.eligible;
    return this.#known.of(entry, [service, cover, eligible], () => desiredFor(entry, { service, cover, eligible }));
  }
}

/**
 * The Service whose policy counts, of those that share the address and show it: one that is as the entry records it. One that was changed
 * leaves the address, and must not move it meanwhile.
 */
function decisiveOf(
  { address, services }: AllocationView,
  { service }: Pick<DesiredVipSnapshot, 'service'>,
): ServiceView | undefined {
  let changed: ServiceView | undefined;
  for (const { uid, backends } of services) {
    const view = service(uid);
    if (view === undefined || !shows(view, address)) continue;
    if (backends === undefined || backends === backendsOf(view)) return view;
    changed ??= view;
  }
  return changed;
}

function desiredFor(entry: AllocationView, { service, cover, eligible }: VipFacts): DesiredVip | Unwanted {
  const { address, uid, recorded, moveTo } = entry;
  const { advertisements } = cover;
  if (service === undefined) return { uid, address, reason: 'NotInStatus' };
  if (advertisements.length === 0) return { uid, address, reason: 'NoAdvertisement' };
  if (cover.eligible.size === 0) return { uid, address, reason: 'NoCandidate' };
  // A holder goes on announcing it: its silence would not bring an endpoint back.
  if (eligible.size === 0 && recorded === undefined) return { uid, address, reason: 'NoLocalEndpoints' };
  const serves = (node: string) => cover.serves(node, address);
  const linksOf = (node: string) => cover.linksOf(node, address);
  const before = {
    wasAnnounced: wasAnnounced(entry),
    isAdopted: entry.adopted && recorded?.since === undefined,
    wasTaken: entry.conflict !== undefined,
  };
  return { uid, address, eligible, serves, linksOf, recorded, moveTo, advertisements, ...before };
}

/** The facts on which the covers depend, as text. */
function keyOf({ advertisements, nodes, speakers }: DesiredVipSnapshot, linksOf: LinksOf): string {
  const named = advertisements.map(({ uid, resourceVersion }) => `${uid}/${resourceVersion}`);
  const facts = nodes.map(({ name, labels, excluded }) => [name, labels, excluded, linksOf(name)]);
  return JSON.stringify([named, facts, [...speakers]]);
}

/** The nodes that the advertisements of some addresses allow, and the addresses that each can serve. */
interface Cover {
  readonly advertisements: readonly AdvertisementView[];
  readonly eligible: ReadonlySet<string>;
  /** The eligible nodes with an endpoint of an {@link endpointKey}; the same set as long as it does not change. */
  readonly withEndpoint: (key: string, endpointNodes: EndpointNodes) => ReadonlySet<string>;
  readonly serves: (node: string, address: Ip) => boolean;
  /** The links on which a node would announce an address; undefined: it has not reported its links. */
  readonly linksOf: (node: string, address: Ip) => readonly string[] | undefined;
}

/** Addresses of one kind have the same cover: those of one pool, unless an advertisement is being deleted. */
function coverKind(entry: AllocationView, { advertisements }: DesiredVipSnapshot): string {
  const ending = advertisements.filter((one) => one.endingSince !== undefined && coversEntry(one, entry));
  return [entry.pool, ...ending.map(({ uid }) => uid)].join(' ');
}

function coverOf(entry: AllocationView, snapshot: DesiredVipSnapshot, linksOf: LinksOf): Cover {
  const { nodes, speakers } = snapshot;
  const advertisements = snapshot.advertisements.filter((advertisement) => coversEntry(advertisement, entry));
  const isObeyed = obeysExclusion(nodes, (name) => speakers.has(name));
  const able = nodes
    .filter(({ name, excluded }) => speakers.has(name) && !(excluded && isObeyed))
    .filter(({ labels }) => advertisements.some((advertisement) => coversNode(advertisement, labels)));
  const eligible = new Set(able.map(({ name }) => name));
  const labelsOf = new Map(nodes.map(({ name, labels }) => [name, labels]));
  // A node that is selected no more serves what it holds until another node has it.
  const covering = (node: string) => {
    const near = advertisements.filter((advertisement) => coversNode(advertisement, labelsOf.get(node) ?? {}));
    return near.length > 0 ? near : advertisements;
  };
  const chooser = memoized((node: string) => {
    const links = linksOf(node)?.map(({ name, addresses }) => ({ name, addresses: parseLinkAddresses(addresses) }));
    return links === undefined ? () => undefined : linkChooser(covering(node), links);
  });
  const chosen = (node: string, address: Ip) => chooser(node)(address);
  const sets = new Map<string, { readonly key: string; readonly nodes: ReadonlySet<string> }>();
  const withEndpoint: Cover['withEndpoint'] = (endpoints, endpointNodes) => {
    const there = endpointNodes.get(endpoints);
    const able = [...eligible].filter((node) => there?.has(node));
    const key = able.join(' ');
    const before = sets.get(endpoints);
    const same = before?.key === key ? before : { key, nodes: new Set(able) };
    sets.set(endpoints, same);
    return same.nodes;
  };
  return {
    ...{ advertisements, eligible, withEndpoint },
    // A node that has not reported its links may have the right one: it counts as if it had.
    serves: (node, address) => chosen(node, address)?.length !== 0,
    linksOf: chosen,
  };
}

function shows(service: ServiceView, address: Ip): boolean {
  return service.isLoadBalancer && service.ingress.some(({ ip }) => ip === address);
}

function memoized<K, V>(compute: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const value = compute(key);
    known.set(key, value);
    return value;
  };
}
