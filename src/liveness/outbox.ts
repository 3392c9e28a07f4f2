/**
 * Makes the messages that a speaker sends: its heartbeats, the changes of its claims, and all claims for a peer that
 * requests them.
 */
import { HeartbeatFit } from './heartbeat-fit.ts';
import {
  type Claim,
  type ClaimDelta,
  type ClaimsDigest,
  type Heartbeat,
  isSameClaim,
  noClaims,
  type PeerLink,
  type ProbeReport,
  type SpeakerState,
  times,
} from './messages.ts';
import type { Peers } from './peers.ts';

/** The fields of a heartbeat that its caller decides. */
interface HeartbeatFields {
  readonly now: number;
  readonly state: SpeakerState;
  readonly rules: number;
  readonly ages: Heartbeat['ages'];
  readonly links: readonly PeerLink[];
  readonly nextMs: number;
}

/** Claims, or uids of dropped claims, in one datagram of 1,400 bytes. */
const itemsAtOnce = 15;
/** Results of probes in one datagram: they are longer. */
const resultsAtOnce = 12;
/** Characters of node names in one heartbeat. */
const namesAtOnce = 600;
/** After this time a peer's claims are requested if they do not match its digest: often they are on their way. */
const requestMs = 100;

/** The outgoing messages of one speaker. */
export class Outbox {
  readonly #peers: Peers;
  readonly #fit = new HeartbeatFit();
  #sequence = 0;
  #sent: ReadonlyMap<string, Claim> = new Map();
  #sentDigest: ClaimsDigest = noClaims;
  #list = 0;
  #listDigest: ClaimsDigest = noClaims;
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

  /** The changes since then: the same list for all peers, with an envelope for each. */
  takeDeltas(): readonly ((node: string) => ClaimDelta)[] {
    const own = this.#own;
    const claims = [...own.values()].filter((claim) => !isSameClaim(claim, this.#sent.get(claim.uid)));
    const dropped = [...this.#sent.keys()].filter((uid) => !own.has(uid));
    this.#sent = new Map(own);
    this.#sentDigest = this.#digest;
    return parts(claims, dropped).map((part) => (node) => ({ ...part, ...this.#envelope(node), fullSync: undefined }));
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
    const all = parts([...this.#own.values()], []);
    const chunks = all.length === 0 ? [{ kind: 'Claims' as const, claims: [], dropped: [] }] : all;
    return chunks.map((chunk, part) => ({
      ...chunk,
      ...this.#envelope(node),
      fullSync: { list, part, parts: chunks.length },
    }));
  }

  /** The results of probes for VIPs that a peer holds, in as many datagrams as needed. */
  reportsFor(node: string, { results, roundMs }: Pick<ProbeReport, 'results' | 'roundMs'>): readonly ProbeReport[] {
    return Array.from({ length: Math.ceil(results.length / resultsAtOnce) }, (_, i) => ({
      ...{ kind: 'ProbeReport', ...this.#envelope(node), roundMs },
      results: results.slice(i * resultsAtOnce, (i + 1) * resultsAtOnce),
    }));
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
   * The same list for all peers at one time. If not all names fit, missed nodes come first, and the other nodes take
   * turns.
   */
  #heardAt(now: number): Heartbeat['heard'] {
    if (this.#heard?.at === now) return this.#heard.list;
    const all = [...this.#peers.all()]
      .filter(
        ({ heartbeat, heardAt }) =>
          heartbeat !== undefined && heartbeat.nextMs <= times.heartbeat && now - heardAt < times.alarm,
      )
      .map(({ node, heardAt }): [string, number] => [node, Math.round(now - heardAt)]);
    const start = this.#sequence % Math.max(1, all.length);
    const rotated = [...all.slice(start), ...all.slice(0, start)];
    const missed = rotated.filter(([, ageMs]) => ageMs >= times.suspect);
    const list: [string, number][] = [];
    let size = 0;
    for (const item of [...missed, ...rotated.filter(([, ageMs]) => ageMs < times.suspect)]) {
      size += item[0].length + 8;
      if (size > namesAtOnce) break;
      list.push(item);
    }
    this.#heard = { at: now, list };
    return list;
  }
}

function parts(
  claims: readonly Claim[],
  dropped: readonly string[],
): readonly Pick<ClaimDelta, 'kind' | 'claims' | 'dropped'>[] {
  const items = [...claims, ...dropped];
  return Array.from({ length: Math.ceil(items.length / itemsAtOnce) }, (_, i) => {
    const here = items.slice(i * itemsAtOnce, (i + 1) * itemsAtOnce);
    return {
      kind: 'Claims',
      claims: here.filter((item) => typeof item !== 'string'),
      dropped: here.filter((item) => typeof item === 'string'),
    };
  });
}
