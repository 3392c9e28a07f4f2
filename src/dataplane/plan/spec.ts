/** The input of the rules of a node: plain facts, independent of nft. */
import type { Family, Ip } from '../../addr/ip.ts';
import type { Protocol } from '../nft/icmp-error.ts';
import type { Neighbor } from './neighbor.ts';
import type { SlotTable } from './slots.ts';

/** A port of a VIP, as a Service has it. */
export interface PortPath {
  readonly protocol: Protocol;
  readonly port: number;
  /** The node port to which its packets are rewritten; undefined: kube-proxy handles the VIP itself. */
  readonly nodePort: number | undefined;
  /** No endpoint on any node serves it: new connections are refused. */
  readonly vacant: boolean;
  /**
   * The clients that may use it, as `10.0.0.0/8` or `first-last`, of the VIP's family; undefined: all. Berth checks
   * them only if packets are rewritten.
   */
  readonly sources: readonly string[] | undefined;
  /** All connections of a client go to one Pod (`sessionAffinity: ClientIP`). */
  readonly sticky: boolean;
  /**
   * `namespace/name` of the Service, if only nodes with endpoints of their own serve it (`externalTrafficPolicy:
   * Local`).
   */
  readonly local: string | undefined;
}

/** The path of the packets of one VIP. */
export interface VipPath {
  readonly address: Ip;
  /**
   * `Silent`: no node announces the VIP, so no rule touches its packets. `Contested`: another host claims it too, so
   * nothing is refused in its name. undefined: neither.
   */
  readonly restraint?: 'Silent' | 'Contested' | undefined;
  readonly ports: readonly PortPath[];
}

/** A link of this node, and the node's addresses on it. */
export interface LinkPath {
  readonly name: string;
  readonly addresses: readonly Ip[];
  /** Are VIPs in its subnets? */
  readonly hasVips: boolean;
}

/** A VIP whose connections are spread. */
export interface SpreadVip {
  readonly vip: Ip;
  /** The name of the link that it is on. */
  readonly link: string;
  readonly ports: readonly SpreadPort[];
}

/** A port of such a VIP. */
export interface SpreadPort {
  readonly protocol: Protocol;
  readonly port: number;
  /** All connections of a client go to one node (`sessionAffinity: ClientIP`). */
  readonly sticky: boolean;
  readonly table: SlotTable;
}

/** The facts for the rules of Spread. */
export interface Spread {
  readonly self: string;
  readonly spread: readonly SpreadVip[];
  /** The links on which VIPs should be spread, whether that is possible or not. */
  readonly spreadLinks: readonly string[];
  readonly peerMacs: readonly string[];
  /** How this node reaches another one on the link of a VIP; undefined if it does not. */
  readonly neighborFor: (node: string, vip: Ip) => Neighbor | undefined;
}

/** The node that gets the packets of a VIP that belong to no connection known to this node. */
interface SecondChance {
  readonly vip: Ip;
  readonly to: Neighbor;
}

/** The facts for the rules of the second chance. */
export interface Chances {
  readonly chances: readonly SecondChance[];
}

/** All facts from which the rules of a node follow. */
export interface DataPath extends Chances, Spread {
  /** This node's addresses on which kube-proxy serves node ports. */
  readonly nodeAddresses: Readonly<Partial<Record<Family, Ip>>>;
  /** In any order. */
  readonly vips: readonly VipPath[];
  readonly links: readonly LinkPath[];
  /** Addresses of endpoints on dead nodes, even if the API server still lists them as ready. */
  readonly deadEndpoints: readonly Ip[];
  /** The limit of new connections per second to a VIP on this node; undefined: no limit. */
  readonly synLimit: number | undefined;
  /** The connection tracking zone of packets that hand-off `NodePort` rewrites. */
  readonly zone: number;
}
