/**
 * Makes every heartbeat fit a packet, whatever the node has. A list of links that is too long is told in parts, one in each heartbeat;
 * of the heard nodes those are left out that do not fit: they take turns anyway (`outbox.ts`).
 */
import { encodeMessage } from './codec.ts';
import { type Heartbeat, type PeerLink, signatureBytes } from './messages.ts';

/** The size of an Ethernet packet without the headers of tunnels and of IPv6, less the signature and the growth of numbers. */
const mostBytes = 1_400 - signatureBytes - 8;
/** The part of the room that the heard nodes get at least. */
const heardShare = 0.4;

/** The fields of a heartbeat at their largest, without names, links and heard nodes. */
const frame = encodeMessage({
  ...{ kind: 'Heartbeat', from: { node: '', incarnation: '0'.repeat(16) } },
  ...{ to: { node: '', incarnation: '0'.repeat(16), newest: '0'.repeat(16) }, sequence: 99_999_999 },
  ...{ total: { count: 99_999, sum: 2 ** 48 }, rules: 1, state: 'Restarting', nextMs: 99_999 },
  ...{ ages: { loop: 999_999, worker: 999_999 }, links: [], heard: [], wantsClaims: false },
  linksPart: { list: 999_999, part: 999, parts: 999 },
}).length;

/** Fits the heartbeats of one speaker. */
export class HeartbeatFit {
  /** The longest name of a receiver so far: all get the same parts. */
  #longest = 0;
  #told: { readonly links: string; readonly bytes: number } | undefined;
  #parts: readonly (readonly PeerLink[])[] = [];
  #list = 0;
  readonly #turns = new Map<string, number>();

  /** The heartbeat with as much as fits. */
  fitted(heartbeat: Heartbeat): Heartbeat {
    const { from, to, links } = heartbeat;
    this.#longest = Math.max(this.#longest, to.node.length);
    const room = mostBytes - frame - from.node.length - this.#longest;
    this.#divide(links, room - Math.max(this.#longest + 20, Math.floor(room * heardShare)));
    if (this.#parts.length <= 1) return withoutExcess(heartbeat);
    const turn = this.#turns.get(to.node) ?? 0;
    this.#turns.set(to.node, turn + 1);
    const part = turn % this.#parts.length;
    const linksPart = { list: this.#list, part, parts: this.#parts.length };
    return withoutExcess({ ...heartbeat, links: this.#parts[part] ?? [], linksPart });
  }

  #divide(links: readonly PeerLink[], bytes: number): void {
    const text = JSON.stringify(links);
    if (this.#told?.links === text && this.#told.bytes === bytes) return;
    this.#told = { links: text, bytes };
    this.#parts = partsOf(links, bytes);
    this.#list += 1;
  }
}

/** Divides links into parts of at most so many bytes. A link whose facts do not fit one part is in several. */
function partsOf(links: readonly PeerLink[], bytes: number): readonly (readonly PeerLink[])[] {
  const parts: PeerLink[][] = [];
  for (const piece of links.flatMap(piecesOf)) {
    const last = parts.at(-1);
    const longer = last && merged([...last, piece]);
    if (longer && JSON.stringify(longer).length <= bytes) parts[parts.length - 1] = [...longer];
    else parts.push([piece]);
  }
  return parts;
}

/** A link with one of its facts each. */
function piecesOf({ addresses, blocked = [], ...link }: PeerLink): readonly PeerLink[] {
  const pieces = [
    ...addresses.map((address) => ({ ...link, addresses: [address] })),
    ...blocked.map((node) => ({ ...link, addresses: [], blocked: [node] })),
  ];
  return pieces.length === 0 ? [{ ...link, addresses: [] }] : pieces;
}

/** The links with all facts of their pieces, in the order of their first pieces. */
export function merged(pieces: readonly PeerLink[]): readonly PeerLink[] {
  const links = new Map<string, PeerLink>();
  for (const piece of pieces) {
    const known = links.get(piece.name);
    const blocked = [...(known?.blocked ?? []), ...(piece.blocked ?? [])];
    const addresses = [...(known?.addresses ?? []), ...piece.addresses];
    links.set(piece.name, { ...piece, addresses, ...(blocked.length > 0 && { blocked }) });
  }
  return [...links.values()];
}

/** Leaves out the last of the heard nodes until the heartbeat fits. */
function withoutExcess(heartbeat: Heartbeat): Heartbeat {
  let excess = encodeMessage(heartbeat).length - mostBytes;
  if (excess <= 0) return heartbeat;
  const heard = [...heartbeat.heard];
  while (excess > 0 && heard.length > 0) excess -= JSON.stringify(heard.pop()).length + 1;
  return { ...heartbeat, heard };
}
