/** The links that the other speakers tell, and the addresses by which each can be reached. */
import type { Heartbeat, PeerLink } from './messages.ts';

/** So many addresses that a peer had on links before are kept. */
const mostFormer = 16;

interface ReportedLinks {
  readonly sequence: number;
  readonly incarnation: string;
  readonly text: string;
  readonly links: readonly PeerLink[];
  /** The addresses on these links, and those on links that it told before. */
  readonly now: readonly string[];
  readonly former: readonly string[];
}

/** What each peer told last. */
export class PeerLinks {
  readonly #reported = new Map<string, ReportedLinks>();

  /**
   * Takes in a beat. True if its links are others than those that were told before. One that was overtaken says nothing: what waited for
   * an address to be found comes late, and tells of links as they were.
   */
  take({ from: { node, incarnation }, sequence, links }: Pick<Heartbeat, 'from' | 'sequence' | 'links'>): boolean {
    const before = this.#reported.get(node);
    if (before?.incarnation === incarnation && sequence < before.sequence) return false;
    const text = JSON.stringify(links);
    const isChanged = before?.text !== text;
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

  /** The links that a peer told last; undefined before it told any. */
  of(node: string): readonly PeerLink[] | undefined {
    return this.#reported.get(node)?.links;
  }

  /** The peer that has a link with this hardware address. */
  nodeOf(mac: string): string | undefined {
    for (const [node, { links }] of this.#reported) if (links.some((link) => link.mac === mac)) return node;
    return undefined;
  }

  /**
   * The addresses on a peer's links. Two nodes may each think that the other cannot be reached by a link that works again, and then neither
   * would ever tell: who is silent is called on the links of before, too.
   */
  addressesOf(node: string, isSilent: boolean): readonly string[] {
    const { now = [], former = [] } = this.#reported.get(node) ?? {};
    return isSilent ? [...now, ...former] : now;
  }
}
