/**
 * Ranks the candidates for a VIP by rendezvous hashing, so that every node finds the same answer without a message.
 * Each pair of VIP and node has its own score. So a node that leaves moves only its own VIPs, and a node that joins
 * moves only the VIPs that it wins.
 */
import type { Ip } from '../addr/ip.ts';

/** Two 32-bit hashes of a name. */
interface Digest {
  readonly high: number;
  readonly low: number;
}

/** Computes the scores of nodes for VIPs. It keeps the digests of the nodes, which are needed again and again. */
export class RendezvousRanking {
  readonly #digests = new Map<string, Digest>();

  /**
   * The acceptable candidate with the highest score for this VIP. `accepts` is called only where the result matters.
   */
  first(vip: Ip, candidates: readonly string[], accepts: (node: string) => boolean): string | undefined {
    const own = digestOf(vip);
    let first: string | undefined;
    let highest = -1;
    for (const node of candidates) {
      const score = scoreOf(own, this.#digestOf(node));
      if (score < highest || (score === highest && first !== undefined && node < first) || !accepts(node)) continue;
      first = node;
      highest = score;
    }
    return first;
  }

  /** The candidates in the order of their scores, the highest first. `name` is a VIP or any other name. */
  order(name: string, candidates: readonly string[]): readonly string[] {
    const own = digestOf(name);
    const scored = candidates.map((node) => ({ node, score: scoreOf(own, this.#digestOf(node)) }));
    return scored.sort((a, b) => b.score - a.score || (a.node < b.node ? 1 : -1)).map(({ node }) => node);
  }

  /** A node's score for a VIP. */
  score(vip: Ip, node: string): number {
    return scoreOf(digestOf(vip), this.#digestOf(node));
  }

  #digestOf(node: string): Digest {
    let digest = this.#digests.get(node);
    if (digest === undefined) {
      digest = digestOf(node);
      this.#digests.set(node, digest);
    }
    return digest;
  }
}

/**
 * 53 bits that depend on every bit of both digests. Two scores are equal with a probability of 1 in 2^53; then the name
 * decides, so that the order of the input never does. Every pass scores every VIP with every node: SHA-256 is too slow
 * for that, and a collision is of no use to an attacker. A change of this function breaks rolling updates: speakers of
 * two versions would not agree on a holder.
 */
function scoreOf(vip: Digest, node: Digest): number {
  const high = avalanche(avalanche(vip.high ^ node.low) + node.high);
  const low = avalanche(avalanche(vip.low ^ node.high) + node.low);
  return 2 ** 32 * (high >>> 11) + low;
}

function digestOf(text: string): Digest {
  let high = 0x9e3779b1;
  let low = 0x85ebca77;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ unit, 0x5f356495);
  }
  return { high: avalanche(high), low: avalanche(low) };
}

/** Every bit of the input changes every bit of the output with probability 1/2 (MurmurHash3, fmix32). */
function avalanche(bits: number): number {
  let h = bits;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
