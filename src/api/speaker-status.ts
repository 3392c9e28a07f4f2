/** What a speaker tells of itself at `GET /status`: what only it knows, for the command line tool. Plain JSON: another version may read it. */
import type { NodeFacts } from './node-facts.ts';

/** The whole document. */
export interface SpeakerStatus {
  readonly version: string;
  readonly node: string;
  /** Are the first lists of the API server read? */
  readonly synced: boolean;
  readonly links: readonly LinkStatus[];
  readonly peers: readonly PeerStatus[];
  readonly vips: readonly VipStatus[];
  readonly dataPath: DataPathStatus;
  /** Frames by what became of them. */
  readonly frames: Readonly<Record<string, number>>;
  /** What the kernel of the node says that matters for load balancing; absent in speakers that do not look. */
  readonly facts?: NodeFacts;
}

/** A link of the node. */
export interface LinkStatus {
  readonly name: string;
  readonly mac: string;
  /** As `address/prefix`. */
  readonly addresses: readonly string[];
  readonly carrier: boolean;
  /** Why it carries no announcements (`NoCarrier`, `Member`, ...); absent: it can. */
  readonly unusable?: string;
  /** It has a signal, and nothing comes through. */
  readonly deaf: boolean;
  /** Nodes whose packets in the name of others do not arrive here. */
  readonly blocked: readonly string[];
}

/** Another speaker, as this one hears it. */
export interface PeerStatus {
  readonly node: string;
  readonly liveness: 'Unknown' | 'Alive' | 'Restarting' | 'Dead';
  /** Milliseconds since it was heard last; absent: it never was. */
  readonly silentMs?: number;
  /** `LivenessBlocked`: it runs, and was never heard. */
  readonly reason?: string;
}

/** What this speaker does about a VIP. */
export interface VipStatus {
  readonly uid: string;
  readonly address: string;
  /** Who holds it, or should. */
  readonly holder?: string;
  readonly term?: number;
  /** `Announce`, `Withhold`, `StandIn`, `Silent`. */
  readonly action: string;
  /** Why it is not announced from here. */
  readonly reason?: string;
  /** The links that it is announced on from here. */
  readonly links: readonly string[];
  /** It should move, but has moved too often of late. */
  readonly damped: boolean;
  /** Another host that uses it: the state of the watch for those. Absent: there is none. */
  readonly conflict?: { readonly kind: string; readonly mac?: string; readonly node?: string };
  /** Whether its connections are spread over several nodes; absent where that is not wanted. */
  readonly spread?: { readonly reason: string; readonly message: string };
}

/** The rules of the node. */
export interface DataPathStatus {
  /** `Loaded`, `Off` (not wanted), or why they are not in the kernel. */
  readonly nftables: string;
  /** The hand-off of Services that do not say which. */
  readonly handOff: string;
  /** The nodes that live as this one sees them. */
  readonly present: readonly string[];
}
