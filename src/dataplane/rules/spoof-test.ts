/**
 * Tests whether the network lets packets with foreign source addresses pass. Spread depends on them: the holder
 * forwards packets with the addresses of clients, and every node answers with the VIP. Networks that check source
 * addresses (port security, IP source guard) drop such packets. So the nodes continuously send each other test packets
 * with a foreign source address, and note whose packets arrive.
 */
import type { Family, Ip } from '../../addr/ip.ts';
import { chain, setOf, type TableFragment } from '../nft/fragment.ts';

/**
 * The sources of the test packets, from the addresses reserved for documentation: no host has them (RFC 5737, RFC
 * 3849).
 */
export const testSources: Readonly<Record<Family, Ip>> = {
  IPv4: '198.51.100.79' as Ip,
  IPv6: '2001:db8::7932' as Ip,
};

/** The destination port of the test packets (RFC 863, discard). */
export const testPort = 9;

/**
 * The interval at which each node sends a test packet to each other one, and the wait before a missing one counts.
 * Milliseconds.
 */
export const testTimes = { everyMs: 3_000, judgeMs: 8_000 } as const;

/** The set of hardware addresses whose test packets have arrived lately. */
export const passedSet = 'passed';

/** Notes test packets and drops them: the rest of the kernel must not see them. */
export function noteTests(): TableFragment {
  return {
    collections: { [passedSet]: setOf('ether_addr; size 4096; flags dynamic; timeout 12s') },
    chains: { tested: chain(`ether saddr @peer_macs update @${passedSet} { ether saddr }`, 'drop') },
  };
}

/** The rules that send test packets to that chain. */
export const testRules: readonly string[] = [
  `ip saddr ${testSources.IPv4} tcp dport ${testPort} goto tested`,
  `ip6 saddr ${testSources.IPv6} tcp dport ${testPort} goto tested`,
];

/** A peer whose test packets should arrive. */
interface Tester {
  readonly node: string;
  readonly mac: string;
}

/** Decides which nodes' test packets do not arrive. */
export class SpoofTests {
  #since: ReadonlyMap<string, number> = new Map();
  #missing: ReadonlySet<string> = new Set();

  /**
   * The nodes whose packets do not arrive, although they have been sending for long enough. A missing node stays
   * missing until a packet arrives. `passed` are the hardware addresses in the set; `now` is in milliseconds on a
   * monotonic clock.
   */
  missing(testers: readonly Tester[], passed: ReadonlySet<string>, now: number): readonly string[] {
    const key = ({ node, mac }: Tester) => `${node} ${mac}`;
    this.#since = new Map(testers.map((one) => [key(one), this.#since.get(key(one)) ?? now]));
    const isLate = (one: Tester) => now - (this.#since.get(key(one)) ?? now) >= testTimes.judgeMs;
    const missing = testers.filter((one) => !passed.has(one.mac) && (this.#missing.has(one.node) || isLate(one)));
    const absent = [...this.#missing].filter((node) => !testers.some((one) => one.node === node));
    this.#missing = new Set([...missing.map(({ node }) => node), ...absent]);
    return missing.map(({ node }) => node).sort();
  }

  /** Called when the set was emptied: no node is late yet. */
  restart(): void {
    this.#since = new Map();
  }
}
