/**
 * Networks that check whose address a host uses (port security, IP source guard) drop what Spread lives on: the holder passes packets on in
 * the name of clients, and every node answers in the name of the VIP. So the nodes send each other packets in the name of somebody else, all
 * the time, and take note of whose arrive.
 */
import type { Family, Ip } from '../../addr/ip.ts';
import { chain, setOf, type TableFragment } from '../nft/fragment.ts';

/** The sources of the test packets, from the addresses kept for documentation: nobody has them (RFC 5737, RFC 3849). */
export const testSources: Readonly<Record<Family, Ip>> = {
  IPv4: '198.51.100.79' as Ip,
  IPv6: '2001:db8::7932' as Ip,
};

/** The port that they go to (RFC 863, discard). */
export const testPort = 9;

/** How often each node sends one to each other, and when it is clear that none arrives. Milliseconds. */
export const testTimes = { everyMs: 3_000, judgeMs: 8_000 } as const;

/** The set of the hardware addresses whose test packets have arrived lately. */
export const passedSet = 'passed';

/** Takes note of test packets, and lets nobody else see them: the kernel would have to wonder what they are. */
export function noteTests(): TableFragment {
  return {
    collections: { [passedSet]: setOf('ether_addr; size 4096; flags dynamic; timeout 12s') },
    chains: { tested: chain(`ether saddr @peer_macs update @${passedSet} { ether saddr }`, 'drop') },
  };
}

/** The rules that lead there. */
export const testRules: readonly string[] = [
  `ip saddr ${testSources.IPv4} tcp dport ${testPort} goto tested`,
  `ip6 saddr ${testSources.IPv6} tcp dport ${testPort} goto tested`,
];

/** A peer that test packets should come from. */
export interface Tester {
  readonly node: string;
  readonly mac: string;
}

/** Judges whose packets do not arrive. */
export class SpoofTests {
  #since: ReadonlyMap<string, number> = new Map();
  #missing: ReadonlySet<string> = new Set();

  /**
   * The nodes whose packets are missing although they have been sending for long enough. Once missing, they are until something arrives.
   * `passed` are the hardware addresses in the set; `now` is in milliseconds on a clock that never goes back.
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

  /** The set was emptied: nobody is late yet. */
  restart(): void {
    this.#since = new Map();
  }
}
