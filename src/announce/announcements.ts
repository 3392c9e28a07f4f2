/** What this node announces, and for every other VIP the one reason why it is silent. */
import type { Ip } from '../addr/ip.ts';
import { type AdvertisementView, coversNode, coversPool } from '../api/advertisement.ts';
import type { AllocationView } from '../api/allocation.ts';
import type { ServiceView } from '../api/service.ts';
import { candidatesFor, type NodesSnapshot } from './candidates.ts';
import { type Digest, holderOf } from './holder.ts';
import { isEdge, type LinkView, linksFor } from './links.ts';

/** All that the announcements of a node depend on. */
export interface AnnounceSnapshot extends NodesSnapshot {
  readonly self: string;
  readonly ledger: readonly AllocationView[];
  /** The Service with a uid. */
  readonly service: (uid: string) => ServiceView | undefined;
  /** The nodes with an endpoint that serves, by `namespace/name` of the Service. */
  readonly endpointNodes: ReadonlyMap<string, ReadonlySet<string>>;
  readonly advertisements: readonly AdvertisementView[];
  readonly links: readonly LinkView[];
}

/**
 * Why a node is silent about a VIP:
 * - `NotInStatus` no Service of the entry shows the address (yet): kube-proxy would not take its traffic;
 * - `NoAdvertisement` no L2Advertisement covers the pool;
 * - `NoCandidate` no node may announce it; `NoLocalEndpoints` none of them has an endpoint (`externalTrafficPolicy: Local`);
 * - `NotHolder` another node does;
 * - `NoUsableLink` this node should, but has no link for it;
 * - `NetworkAddress` it is the network or the broadcast address of this node's link, or of IPv6 the one of all its routers.
 */
export const silenceReasons = [
  'NotInStatus',
  'NoAdvertisement',
  'NoCandidate',
  'NoLocalEndpoints',
  'NotHolder',
  'NoUsableLink',
  'NetworkAddress',
] as const;

/** One word of `silenceReasons`. */
export type SilenceReason = (typeof silenceReasons)[number];

/** What this node does about one VIP. */
export type Placement = { readonly vip: Ip; readonly holder: string | undefined } & (
  | { readonly kind: 'Announce'; readonly links: readonly string[] }
  | { readonly kind: 'Silent'; readonly reason: SilenceReason }
);

/** Decides every VIP of the ledger. Only what the controller gave out is announced, whatever Service status says. */
export function placements(snapshot: AnnounceSnapshot): readonly Placement[] {
  const seen = new Map<string, Digest>();
  return snapshot.ledger.map((entry) => place(entry, snapshot, seen));
}

function place(
  { address: vip, pool, services }: AllocationView,
  snapshot: AnnounceSnapshot,
  seen: Map<string, Digest>,
): Placement {
  const silent = (reason: SilenceReason, holder?: string): Placement => ({ kind: 'Silent', vip, holder, reason });
  const service = services.map(({ uid }) => snapshot.service(uid)).find((view) => view && shows(view, vip));
  if (service === undefined) return silent('NotInStatus');
  const advertisements = snapshot.advertisements.filter((advertisement) => coversPool(advertisement, pool));
  if (advertisements.length === 0) return silent('NoAdvertisement');
  const endpointNodes = service.local ? (snapshot.endpointNodes.get(service.key) ?? new Set<string>()) : undefined;
  const holder = holderOf(vip, candidatesFor({ advertisements, endpointNodes }, snapshot), seen);
  if (holder === undefined) {
    const anyone = candidatesFor({ advertisements, endpointNodes: undefined }, snapshot).length > 0;
    return silent(anyone ? 'NoLocalEndpoints' : 'NoCandidate');
  }
  if (holder !== snapshot.self) return silent('NotHolder', holder);
  const own = snapshot.nodes.find(({ name }) => name === snapshot.self)?.labels ?? {};
  const here = advertisements.filter((advertisement) => coversNode(advertisement, own));
  const links = linksFor(vip, here, snapshot.links);
  if (links.length > 0) return { kind: 'Announce', vip, holder, links };
  return silent(snapshot.links.some((link) => isEdge(vip, link)) ? 'NetworkAddress' : 'NoUsableLink', holder);
}

function shows(service: ServiceView, vip: Ip): boolean {
  return service.isLoadBalancer && service.ingress.some(({ ip }) => ip === vip);
}
