/**
 * Packets for a VIP that nothing has taken before the node would send them on. Untouched, they go back to the link, where nobody has the
 * address: the client waits three seconds, or the packet circles between the router and this node until its TTL ends.
 */
import type { Dialect } from './family.ts';
import { chain, hookChain, type Part, setOf } from './part.ts';
import type { DataPath, LinkPath, VipPath } from './path.ts';
import { vipSet } from './vips.ts';

/** Answers per second and kind: a scan must not make us a source of packets. */
const answers = 'limit rate 100/second burst 50 packets';

/**
 * A port that no Service has is refused, as by a host that has the address (RFC 9293 section 3.10.7.1, RFC 1122 section 3.2.2.1). A port that
 * one has is dropped in silence: kube-proxy does not know the Service yet, and the client's next SYN finds it.
 *
 * After the `filter` chains of others, so that what they drop stays dropped without an answer, and kube-proxy can refuse what has no
 * endpoints. But what would leave by the link that it came from is refused before that: the kernel sends a redirect first, and with that
 * has used up what it grants a host of ICMP errors (`icmp_ratelimit`).
 */
export function refuseUnserved(
  { ip, address, icmp }: Dialect,
  vips: readonly VipPath[],
  links: readonly LinkPath[],
): Part {
  const served = vips.flatMap((vip) => vip.ports.map(({ protocol, port }) => `${vip.address} . ${protocol} . ${port}`));
  const port = `${ip} daddr . meta l4proto . th dport`;
  const turnsBack = `${ip} daddr @${vipSet} ${port} != @served fib daddr . mark . iif oif exists`;
  return {
    collections: {
      served: setOf(`${address} . inet_proto . inet_service`, served),
      vip_links: setOf(
        'ifname',
        links.filter(({ hasVips }) => hasVips).map(({ name }) => `"${name}"`),
      ),
    },
    chains: {
      turned_back: hookChain('filter hook prerouting priority dstnat + 10', [`${turnsBack} goto refuse`]),
      // Only on the way back to where VIPs are: a CNI may carry them to a link of its own and serve them there (Antrea's proxy).
      unserved: hookChain('filter hook forward priority filter + 10', [
        `oifname @vip_links ${ip} daddr @${vipSet} goto refuse`,
      ]),
      refuse: chain(
        `${port} @served drop`,
        `meta l4proto tcp ${answers} reject with tcp reset`,
        `meta l4proto != tcp ${answers} reject with ${icmp} type port-unreachable`,
        'drop',
      ),
    },
  };
}

/**
 * Pings of a VIP are answered by the node that they come to, from the VIP. Before kube-proxy's own NAT, which knows no ICMP; no other
 * packet is touched.
 */
export function answerPings({ family, ip, icmp }: Dialect, { nodeAddresses }: Pick<DataPath, 'nodeAddresses'>): Part {
  const own = nodeAddresses[family];
  if (own === undefined) return {};
  const rule = `${icmp} type echo-request ${ip} daddr @${vipSet} dnat to ${own}`;
  return { chains: { pings: hookChain('nat hook prerouting priority dstnat - 10', [rule]) } };
}
