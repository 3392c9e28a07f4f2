/** The links that the other speakers report, and the addresses by which each speaker can be reached. */
import { merged } from './heartbeat-fit.ts';
import type { Heartbeat, PeerLink } from './messages.ts';

/** At most this many former addresses of a peer are kept. */
const mostFormer = 16;

interface ReportedLinks {
  readonly sequence: number;
  readonly incarnation: string;
  readonly text: string;
  readonly links: readonly PeerLink[];
  /** The addresses on these links, and the addresses on links that it reported before. */
  readonly now: readonly string[];
  readonly former: readonly string[];
}

interface LinkParts {
  readonly incarnation: string;
  readonly list: number;
  readonly of: Map<number, readonly PeerLink[]>;
}

/** The newest report of each peer. */
export class PeerLinks {
  readonly #reported = new Map<string, ReportedLinks>();
  /** The parts of the newest list of a peer that tells its links in parts. */
  readonly #parts = new Map<string, LinkParts>();
  /** The peers by hardware address, as far as no link has changed since: hundreds of frames a second are looked up. */
  #byMac: ReadonlyMap<string, string> | undefined;

  /**
   * Processes a heartbeat. True if its links differ from those of the heartbeats before. A heartbeat that was overtaken
   * is ignored: it may have waited for the resolution of an address, and reports links as they were before.
   */
  take(heartbeat: Pick<Heartbeat, 'from' | 'sequence' | 'links' | 'linksPart'>): boolean {
    const { node, incarnation } = heartbeat.from;
    const { sequence } = heartbeat;
    const before = this.#reported.get(node);
    if (before?.incarnation === incarnation && sequence < before.sequence) return false;
    const links = this.#allLinksBy(heartbeat);
    if (links === undefined) return false;
    const text = JSON.stringify(links);
    const isChanged = before?.text !== text;
    if (isChanged) this.#byMac = undefined;
    const now = links.flatMap(({ addresses }) => addresses.map((address) => address.split('/')[0] ?? ''));
    const known = isChanged ? [...(before?.now ?? []), ...(before?.former ?? [])] : (before?.former ?? []);
    const former = [...new Set(known)].filter((address) => !now.includes(address)).slice(0, mostFormer);
    this.#reported.set(node, {
      sequence,
      incarnation,
      text,
      links: isChanged ? links : (before?.links ?? links),
      now,
      former,
    });
    return isChanged;
  }

  /** All links of the sender; undefined while parts of the newest list are missing. Until then the list before counts. */
  #allLinksBy({
    from,
    links,
    linksPart,
  }: Pick<Heartbeat, 'from' | 'links' | 'linksPart'>): readonly PeerLink[] | undefined {
    const { node, incarnation } = from;
    if (linksPart === undefined) this.#parts.delete(node);
    if (linksPart === undefined) return links;
    const { list, part, parts } = linksPart;
    const known = this.#parts.get(node);
    if (known?.incarnation === incarnation && known.list > list) return undefined;
    const isSame = known?.incarnation === incarnation && known.list === list;
    const of = isSame ? known.of : new Map<number, readonly PeerLink[]>();
    this.#parts.set(node, { incarnation, list, of: of.set(part, links) });
    const all = Array.from({ length: parts }, (_, i) => of.get(i));
    return all.includes(undefined) ? undefined : merged(all.flatMap((one) => one ?? []));
  }

  /** Forgets a peer: its hardware addresses belong to no node of the cluster any more. */
  forget(node: string): void {
    this.#reported.delete(node);
    this.#parts.delete(node);
    this.#byMac = undefined;
  }

  /** The links that a peer reported last; undefined before its first report. */
  of(node: string): readonly PeerLink[] | undefined {
    return this.#reported.get(node)?.links;
  }

  /** The peer that has a link with this hardware address. */
  nodeOf(mac: string): string | undefined {
    this.#byMac ??= this.#peersByMac();
    return this.#byMac.get(mac);
  }

  /** Of two peers with one hardware address the first one counts. */
  #peersByMac(): ReadonlyMap<string, string> {
    const peers = new Map<string, string>();
    for (const [node, { links }] of this.#reported)
      for (const { mac } of links) if (!peers.has(mac)) peers.set(mac, node);
    return peers;
  }

  /**
   * The addresses on a peer's links. Two nodes may each believe that the other cannot be reached by a link that works
   * again, and then neither would send on it. So a silent peer gets heartbeats on its former addresses too.
   */
  addressesOf(node: string, isSilent: boolean): readonly string[] {
    const { now = [], former = [] } = this.#reported.get(node) ?? {};
    return isSilent ? [...now, ...former] : now;
  }
}

/** Are both lists of links equal in all that is reported? */
export function isSameLinks(a: readonly PeerLink[], b: readonly PeerLink[]): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
