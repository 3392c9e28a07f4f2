/**
 * Makes the messages that a speaker sends: its heartbeats, the changes of its claims, and all claims for a peer that
 * requests them.
 */
import { Backlog } from './backlog.ts';
import { HeartbeatFit } from './heartbeat-fit.ts';
import {
  type Claim,
  type ClaimDelta,
  type ClaimsDigest,
  type HeardNode,
  type Heartbeat,
  isSameClaim,
  noClaims,
  type PeerLink,
  type ProbeReport,
  type SpeakerState,
  times,
} from './messages.ts';
import type { Peers } from './peers.ts';
import { changePortions, listPortions, resultPortions } from './portions.ts';

/** The fields of a heartbeat that its caller decides. */
interface HeartbeatFields {
  readonly now: number;
  readonly state: SpeakerState;
  readonly rules: number;
  readonly ages: Heartbeat['ages'];
  readonly links: readonly PeerLink[];
  readonly nextMs: number;
}

/** Characters of node names in one heartbeat. */
const namesAtOnce = 600;
/** After this time a peer's claims are requested if they do not match its digest: often they are on their way. */
const requestMs = 100;

/** The outgoing messages of one speaker. */
export class Outbox {
  /** Messages with claims that wait to be sent. */
  readonly backlog = new Backlog();
  readonly #peers: Peers;
  readonly #fit = new HeartbeatFit();
  #sequence = 0;
  #sent: ReadonlyMap<string, Claim> = new Map();
  #sentDigest: ClaimsDigest = noClaims;
  #list = 0;
  #listDigest: ClaimsDigest = noClaims;
  /** How many nodes were reported so far. */
  #turn = 0;
  #heard: { readonly at: number; readonly list: Heartbeat['heard'] } | undefined;

  constructor(peers: Peers) {
    this.#peers = peers;
  }

  /** The heartbeat for a peer now. */
  heartbeatFor(node: string, { now, ...fields }: HeartbeatFields): Heartbeat {
    const peer = this.#peers.get(node);
    const since = peer?.heartbeat === undefined ? undefined : peer.incompleteSince;
    const isPatient = fields.state !== 'Listening' && peer !== undefined && now - peer.aliveSince > times.reclaim;
    return this.#fit.fitted({
      kind: 'Heartbeat',
      ...this.#envelope(node),
      ...fields,
      heard: this.#heardAt(now),
      wantsClaims: since !== undefined && now - since >= (isPatient ? requestMs : 0),
    });
  }

  /** Have this node's claims changed since the last {@link takeDeltas}? */
  get hasDelta(): boolean {
    const { count, sum } = this.#digest;
    return count !== this.#sentDigest.count || sum !== this.#sentDigest.sum;
  }

  /**
   * The changes since then, for these nodes: the same list for all, with an envelope for each. A portion may be written
   * later: then it contains what has not changed again, since a later portion has the rest.
   */
  takeDeltas(nodes: readonly string[] = this.#known): readonly ((node: string) => ClaimDelta)[] {
    const own = this.#own;
    const claims = [...own.values()].filter((claim) => !isSameClaim(claim, this.#sent.get(claim.uid)));
    const dropped = [...this.#sent.keys()].filter((uid) => !own.has(uid));
    this.#sent = new Map(own);
    this.#sentDigest = this.#digest;
    const to = this.#peers.addressOf(nodes.reduce((a, b) => (b.length > a.length ? b : a), ''));
    return changePortions({ claims, dropped }, { from: this.#peers.self, to }).map((portion) => (node) => ({
      kind: 'Claims',
      ...this.#envelope(node),
      claims: portion.claims.filter((claim) => isSameClaim(claim, this.#own.get(claim.uid))),
      dropped: portion.dropped.filter((uid) => !this.#own.has(uid)),
      fullSync: undefined,
    }));
  }

  /** Puts the changes since then into the {@link backlog}, for these nodes. */
  queueDeltas(nodes: readonly string[]): void {
    const portions = this.takeDeltas(nodes);
    const written = (message: ClaimDelta) => (message.claims.length + message.dropped.length > 0 ? message : undefined);
    for (const node of nodes) {
      this.backlog.add(
        node,
        portions.map((write) => () => written(write(node))),
      );
    }
  }

  /** Puts all claims into the {@link backlog}, for a peer that requests them. */
  queueFullSync(node: string): void {
    const messages = this.fullSync(node);
    this.backlog.add(
      node,
      messages.map((message) => () => {
        const claims = message.claims.filter(({ uid }) => this.#own.has(uid));
        return { ...message, ...this.#envelope(node), claims };
      }),
    );
  }

  /**
   * All claims, for a peer that requests them. A second list of the same claims has the same number, so it fills the
   * gaps of the first one.
   */
  fullSync(node: string): readonly ClaimDelta[] {
    const { count, sum } = this.#digest;
    if (this.#list === 0 || count !== this.#listDigest.count || sum !== this.#listDigest.sum) this.#list++;
    this.#listDigest = this.#digest;
    const list = this.#list;
    const portions = listPortions([...this.#own.values()], { from: this.#peers.self, to: this.#peers.addressOf(node) });
    return portions.map((claims, part) => ({
      ...{ kind: 'Claims', ...this.#envelope(node), claims, dropped: [] },
      fullSync: { list, part, parts: portions.length },
    }));
  }

  /** The results of probes for VIPs that a peer holds, in as many datagrams as needed. */
  reportsFor(node: string, { results, roundMs }: Pick<ProbeReport, 'results' | 'roundMs'>): readonly ProbeReport[] {
    const envelope = { from: this.#peers.self, to: this.#peers.addressOf(node), roundMs };
    return resultPortions(results, envelope).map((portion) => ({
      ...{ kind: 'ProbeReport', ...this.#envelope(node), roundMs, results: portion },
    }));
  }

  get #known(): readonly string[] {
    return [...this.#peers.all()].map(({ node }) => node);
  }

  get #own(): ReadonlyMap<string, Claim> {
    return this.#peers.claims.of(this.#peers.self.node);
  }

  get #digest(): ClaimsDigest {
    return this.#peers.claims.digestOf(this.#peers.self.node);
  }

  #envelope(node: string): Pick<Heartbeat, 'from' | 'to' | 'sequence' | 'total'> {
    const { self } = this.#peers;
    return { from: self, to: this.#peers.addressOf(node), sequence: ++this.#sequence, total: this.#digest };
  }

  /**
   * The same list for all peers at one time. If not all names fit, nodes that are missed or restart come first, and the
   * other nodes take turns.
   */
  #heardAt(now: number): Heartbeat['heard'] {
    if (this.#heard?.at === now) return this.#heard.list;
    const all = [...this.#peers.all()]
      .filter(
        ({ heartbeat, heardAt }) =>
          heartbeat !== undefined && heartbeat.nextMs <= times.heartbeat && now - heardAt < times.alarm,
      )
      .map(({ node, heardAt, heartbeat }): HeardNode => {
        const ageMs = Math.round(now - heardAt);
        return heartbeat?.state === 'Restarting' ? [node, ageMs, 'Restarting'] : [node, ageMs];
      });
    const start = this.#turn % Math.max(1, all.length);
    const rotated = [...all.slice(start), ...all.slice(0, start)];
    const isFirst = ([, ageMs, state]: HeardNode) => ageMs >= times.suspect || state !== undefined;
    const list: HeardNode[] = [];
    let size = 0;
    for (const item of [...rotated.filter(isFirst), ...rotated.filter((one) => !isFirst(one))]) {
      size += JSON.stringify(item).length + 1;
      if (size > namesAtOnce) break;
      list.push(item);
    }
    this.#turn += list.length;
    this.#heard = { at: now, list };
    return list;
  }
}
