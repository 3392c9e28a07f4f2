/**
 * The document that a speaker serves at `GET /status`: its own state, for the command line tool. Plain JSON: another version may read
 * it.
 */
import type { NodeFacts } from './node-facts.ts';

/** The whole document. */
export interface SpeakerStatus {
  readonly version: string;
  readonly node: string;
  /** Has it read the first lists of the API server? */
  readonly synced: boolean;
  readonly links: readonly LinkStatus[];
  readonly peers: readonly PeerStatus[];
  readonly vips: readonly VipStatus[];
  readonly dataPath: DataPathStatus;
  /** The number of received frames, by outcome. */
  readonly frames: Readonly<Record<string, number>>;
  /** Settings of the node's kernel that affect load balancing; absent in older speakers. */
  readonly facts?: NodeFacts;
}

/** A link of the node. */
export interface LinkStatus {
  readonly name: string;
  readonly mac: string;
  /** As `address/prefix`. */
  readonly addresses: readonly string[];
  readonly carrier: boolean;
  /** Why it cannot carry announcements (`NoCarrier`, `Member`, ...); absent: it can. */
  readonly unusable?: string;
  /** It has a carrier, but receives no frames. */
  readonly noInboundTraffic: boolean;
  /** Nodes whose test packets with a foreign source address do not arrive on this link. */
  readonly blocked: readonly string[];
}

/** Another speaker, as this one sees it. */
export interface PeerStatus {
  readonly node: string;
  readonly liveness: 'Unknown' | 'Alive' | 'Restarting' | 'Dead';
  /** Milliseconds since its last heartbeat arrived; absent: none ever did. */
  readonly silentMs?: number;
  /** `LivenessBlocked`: it runs, but no heartbeat of it ever arrived. */
  readonly reason?: string;
}

/** The state of a VIP at this speaker. */
export interface VipStatus {
  readonly uid: string;
  readonly address: string;
  /** The node that holds it, or should hold it. */
  readonly holder?: string;
  readonly term?: number;
  /** `Announce`, `Withhold`, `StandIn`, `Silent`. */
  readonly action: string;
  /** Why this node does not announce it. */
  readonly reason?: string;
  /** The links on which this node announces it. */
  readonly links: readonly string[];
  /** It should move, but has moved too often recently. */
  readonly damped: boolean;
  /** The state of the conflict detector: another host that uses the address. Absent: none. */
  readonly conflict?: { readonly kind: string; readonly mac?: string; readonly node?: string };
  /** Whether its connections are spread over several nodes; absent if that is not configured. */
  readonly spread?: { readonly reason: string; readonly message: string };
}

/** The nftables rules of the node. */
export interface DataPathStatus {
  /** `Loaded`, `Off` (disabled), or the reason why they are not loaded. */
  readonly nftables: string;
  /** What the kernel refuses and is left out: `vip ADDRESS`, `link NAME` or `endpoint ADDRESS`, at most a hundred; absent: nothing, or an older speaker. */
  readonly refused?: readonly string[];
  /** The hand-off of Services that request none. */
  readonly handOff: string;
  /** The nodes that this one considers alive. */
  readonly present: readonly string[];
}
