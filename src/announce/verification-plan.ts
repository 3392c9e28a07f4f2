/** Decides which node verifies which VIP, and which port it probes: the same on every node whose view is the same. */
import type { Ip } from '../addr/ip.ts';
import { contains, numericAddress, parseLinkAddress, type Subnet, subnetOf } from '../addr/subnet.ts';
import type { ServiceView } from '../api/service.ts';
import { admittedFrom } from '../api/source-ranges.ts';
import type { HolderDecision } from '../election/view.ts';
import { RendezvousRanking } from '../hash/rendezvous.ts';
import type { PeerLink } from '../liveness/messages.ts';
import { type DesiredVipSnapshot, endpointKey } from './desired-vips.ts';
import type { VerifiedVip } from './verification-results.ts';

/** The port to probe after the holder has answered for a VIP. Or nothing: then the outcome is known already. */
export type Aim =
  | { readonly kind: 'Port'; readonly port: number }
  | { readonly kind: 'Nothing'; readonly outcome: 'NotProbed' | 'NoEndpoints'; readonly detail: string };

/** A VIP that this node verifies. */
export interface Target {
  readonly uid: string;
  readonly address: Ip;
  readonly holder: string;
  readonly term: number;
  /** The holder's hardware addresses. */
  readonly macs: readonly string[];
  /** This node's link in the VIP's subnet, and its address there. */
  readonly link: string;
  readonly source: Ip;
  readonly aim: Aim;
}

/** All facts on which the plan depends. */
export interface PlanView {
  readonly self: string;
  readonly decisions: readonly HolderDecision[];
  /** The live nodes, this one included. */
  readonly living: readonly string[];
  /** The links of a node, this one included. */
  readonly linksOf: (node: string) => readonly PeerLink[] | undefined;
  readonly snapshot: Pick<DesiredVipSnapshot, 'ledger' | 'service' | 'endpointNodes'>;
}

/** The VIPs that this node verifies, and the verifiers of the VIPs that it holds. */
interface Plan {
  readonly targets: readonly Target[];
  readonly held: readonly VerifiedVip[];
}

interface NearLink {
  readonly name: string;
  readonly address: Ip;
}

/** A subnet, and the live nodes with a link in it. */
interface LinkedSubnet extends Subnet {
  readonly links: Map<string, NearLink>;
}

/** The nodes with a link in the subnet of a VIP. */
interface Near {
  readonly nodes: readonly string[];
  readonly links: ReadonlyMap<string, NearLink>;
}

/**
 * Makes plans for thousands of VIPs on a busy main thread. It caches which nodes have a link in which subnet, since
 * that seldom changes.
 */
export class Planner {
  readonly #ranking = new RendezvousRanking();
  #key = '';
  #subnets: readonly LinkedSubnet[] = [];
  readonly #near = new Map<string, Near>();

  /** The plan for these facts. */
  planOf(view: PlanView): Plan {
    this.#meet(view);
    const { self, decisions, living, linksOf, snapshot } = view;
    const alive = new Set(living);
    const entries = new Map(snapshot.ledger.map((entry) => [entry.uid, entry]));
    const macsOf = new Map(living.map((node) => [node, (linksOf(node) ?? []).map(({ mac }) => mac)]));
    const targets: Target[] = [];
    const held: VerifiedVip[] = [];
    for (const { vip, holder, term, action } of decisions) {
      const { uid, address } = vip;
      const isOwn = action.kind === 'Hold';
      if (holder === undefined || !(isOwn || (action.kind === 'Silent' && action.reason === 'NotHolder'))) continue;
      const near = this.#nearTo(address);
      const verifier = this.#ranking.first(address, near.nodes, (node) => node !== holder);
      if (isOwn) held.push({ uid, address, term, verifier });
      const link = near.links.get(self);
      if (isOwn || verifier !== self || link === undefined || !alive.has(holder)) continue;
      const services = (entries.get(uid)?.services ?? []).map((ref) => snapshot.service(ref.uid));
      const aim = aimOf(
        services.filter((one) => one !== undefined),
        { address, holder, source: link.address, snapshot },
      );
      const macs = macsOf.get(holder) ?? [];
      targets.push({ uid, address, holder, term, macs, link: link.name, source: link.address, aim });
    }
    return { targets, held };
  }

  #meet({ living, linksOf }: PlanView): void {
    const facts = living.map((node) => [node, (linksOf(node) ?? []).map(({ name, addresses }) => [name, addresses])]);
    const key = JSON.stringify(facts);
    if (key === this.#key) return;
    this.#key = key;
    this.#near.clear();
    const subnets = new Map<string, LinkedSubnet>();
    for (const node of living) {
      for (const { name, addresses } of linksOf(node) ?? []) {
        for (const text of addresses) addTo(subnets, text, { node, name });
      }
    }
    this.#subnets = [...subnets.values()];
  }

  /** The live nodes with a link in the subnet of a VIP. VIPs in the same subnets share the result. */
  #nearTo(vip: Ip): Near {
    const address = numericAddress(vip);
    const isIn = (subnet: Subnet) => contains(subnet, address);
    let key = '';
    for (const [i, subnet] of this.#subnets.entries()) if (isIn(subnet)) key += ` ${i}`;
    const known = this.#near.get(key);
    if (known !== undefined) return known;
    const links = new Map(this.#subnets.filter(isIn).flatMap((subnet) => [...subnet.links]));
    const near = { nodes: [...links.keys()], links };
    this.#near.set(key, near);
    return near;
  }
}

/** Adds a link to the subnet of one of its addresses. Of two links of a node in one subnet the first one counts. */
function addTo(
  subnets: Map<string, LinkedSubnet>,
  text: string,
  { node, name }: { readonly node: string; readonly name: string },
): void {
  const own = parseLinkAddress(text);
  if (own === undefined) return;
  const found = subnetOf(own);
  const key = `${found.family} ${found.network}/${own.prefix}`;
  const subnet = subnets.get(key) ?? { ...found, links: new Map() };
  subnets.set(key, subnet);
  if (!subnet.links.has(node)) subnet.links.set(node, { name, address: own.address });
}

/** The facts on which an aim depends. */
interface AimView {
  readonly address: Ip;
  readonly holder: string;
  /** The prober's address. */
  readonly source: Ip;
  readonly snapshot: Pick<DesiredVipSnapshot, 'endpointNodes'>;
}

/** The first TCP port of the first Service at the address that admits the prober and has an endpoint that serves. */
function aimOf(services: readonly ServiceView[], view: AimView): Aim {
  const { address, holder, source, snapshot } = view;
  let aim: Aim = { kind: 'Nothing', outcome: 'NotProbed', detail: 'NoTcpPort' };
  for (const service of services) {
    if (!service.isLoadBalancer || !service.ingress.some(({ ip }) => ip === address)) continue;
    const port = service.ports.find(({ protocol }) => protocol === 'TCP')?.port;
    if (port === undefined) continue;
    const endpoints = snapshot.endpointNodes.get(endpointKey(service.key, address)) ?? new Set();
    const serves = service.local ? endpoints.has(holder) : endpoints.size > 0;
    if (!admits(service, source)) aim = { kind: 'Nothing', outcome: 'NotProbed', detail: 'SourceRanges' };
    else if (!serves) aim = { kind: 'Nothing', outcome: 'NoEndpoints', detail: '' };
    else return { kind: 'Port', port };
  }
  return aim;
}

function admits(service: ServiceView, source: Ip): boolean {
  const { family, value } = numericAddress(source);
  return admittedFrom(service, family)?.some(({ first, last }) => value >= first && value <= last) ?? true;
}
