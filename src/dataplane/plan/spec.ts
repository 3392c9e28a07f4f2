/** What the data path of a node is decided from: plain facts, with no word of nft. */
import type { Family, Ip } from '../../addr/ip.ts';
import type { Protocol } from '../nft/icmp-error.ts';
import type { Neighbor } from './neighbor.ts';
import type { SlotTable } from './slots.ts';

/** A port of a VIP, as a Service has it. */
export interface PortPath {
  readonly protocol: Protocol;
  readonly port: number;
  /** Its packets are rewritten to this node port; undefined: kube-proxy knows the VIP itself. */
  readonly nodePort: number | undefined;
  /** No endpoint serves it, on whatever node: new connections are refused. */
  readonly vacant: boolean;
  /** Who may use it, as `10.0.0.0/8` or `first-last`, of the VIP's family; undefined: everybody. Only where packets are rewritten is that ours to check. */
  readonly sources: readonly string[] | undefined;
  /** All connections of a client go to one Pod (`sessionAffinity: ClientIP`). */
  readonly sticky: boolean;
  /** `namespace/name` of the Service, where only nodes with endpoints of their own serve (`externalTrafficPolicy: Local`). */
  readonly local: string | undefined;
}

/** The way of the packets of one VIP. */
export interface VipPath {
  readonly address: Ip;
  readonly ports: readonly PortPath[];
}

/** A link as the rules name it, and this node's addresses on it. */
export interface LinkPath {
  readonly name: string;
  readonly addresses: readonly Ip[];
  /** VIPs are in its subnets. */
  readonly hasVips: boolean;
}

/** A VIP whose connections are spread. */
export interface SpreadVip {
  readonly vip: Ip;
  /** The name of the link that it is on. */
  readonly link: string;
  readonly ports: readonly SpreadPort[];
}

/** One port of it. */
export interface SpreadPort {
  readonly protocol: Protocol;
  readonly port: number;
  /** All connections of a client go to one node (`sessionAffinity: ClientIP`). */
  readonly sticky: boolean;
  readonly table: SlotTable;
}

/** What the rules follow from. */
export interface Spread {
  readonly self: string;
  readonly spread: readonly SpreadVip[];
  /** The links on which VIPs are to be spread, whether that is possible or not. */
  readonly spreadLinks: readonly string[];
  readonly peerMacs: readonly string[];
  /** How this node reaches another one on the link that an address is on. */
  readonly neighborFor: (node: string, vip: Ip) => Neighbor | undefined;
}

/** Where the packets of a VIP go that belong to no connection known here. */
export interface SecondChance {
  readonly vip: Ip;
  readonly to: Neighbor;
}

/** What the rules follow from. */
export interface Chances {
  readonly chances: readonly SecondChance[];
}

/** All that the rules of a node follow from. */
export interface DataPath extends Chances, Spread {
  /** This node's addresses that kube-proxy serves node ports on. */
  readonly nodeAddresses: Readonly<Partial<Record<Family, Ip>>>;
  /** In no order that matters. */
  readonly vips: readonly VipPath[];
  readonly links: readonly LinkPath[];
  /** Addresses of endpoints on nodes that are dead, whatever the API server says of them. */
  readonly deadEndpoints: readonly Ip[];
  /** New connections to a VIP per second, on this node; undefined: as many as come. */
  readonly synLimit: number | undefined;
  /** Connection tracking zone of what hand-off `NodePort` rewrites. */
  readonly zone: number;
}
