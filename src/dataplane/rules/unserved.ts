/**
 * Packets for a VIP that nothing has taken before the node would send them on. Untouched, they go back to the link, where nobody has the
 * address: the client waits three seconds, or the packet circles between the router and this node until its TTL ends.
 */
import type { Dialect } from '../nft/family.ts';
import { chain, hookChain, setOf, type TableFragment } from '../nft/fragment.ts';
import type { DataPath, LinkPath, PortPath, VipPath } from '../plan/spec.ts';
import { vipSet } from './vip-counters.ts';

/** Answers per second and kind: a scan must not make us a source of packets. */
const answers = 'limit rate 100/second burst 50 packets';

/**
 * A port that no Service has is refused, as by a host that has the address (RFC 9293 section 3.10.7.1, RFC 1122 section 3.2.2.1). A port that
 * one has is dropped in silence: kube-proxy does not know the Service yet, and the client's next SYN finds it.
 *
 * After the `filter` chains of others, so that what they drop stays dropped without an answer. But a port without any endpoint, and a packet
 * that would leave by the link that it came from, are refused before the node would send them on: to a client on the link it would first send
 * a redirect, and each one that it thinks of takes away what it may say by ICMP (inetpeer: one limit for both). So kube-proxy's refusal, an
 * ICMP message, would never leave as long as packets came more often than once a second.
 */
export function refuseUnserved(
  { ip, address, icmp }: Dialect,
  vips: readonly VipPath[],
  links: readonly LinkPath[],
): TableFragment {
  const ports = vips.flatMap((vip) =>
    vip.ports.map((port) => ({ ...port, at: `${vip.address} . ${port.protocol} . ${port.port}` })),
  );
  const key = `${ip} daddr . meta l4proto . th dport`;
  const turnsBack = `${ip} daddr @${vipSet} ${key} != @served fib daddr . mark . iif oif exists`;
  const setOfPorts = (some: readonly { readonly at: string }[]) =>
    setOf(
      `${address} . inet_proto . inet_service`,
      some.map(({ at }) => at),
    );
  return {
    collections: {
      served: setOfPorts(ports),
      vacant: setOfPorts(ports.filter(isOurs)),
      vip_links: setOf(
        'ifname',
        links.filter(({ hasVips }) => hasVips).map(({ name }) => `"${name}"`),
      ),
    },
    chains: {
      refuse_early: hookChain('filter hook prerouting priority dstnat + 10', [
        `${key} @vacant goto refused`,
        `${turnsBack} goto refused`,
      ]),
      // Only on the way back to where VIPs are: a CNI may carry them to a link of its own and serve them there (Antrea's proxy).
      unserved: hookChain('filter hook forward priority filter + 10', [
        `oifname @vip_links ${ip} daddr @${vipSet} goto refuse`,
      ]),
      refuse: chain(`${key} @served drop`, 'goto refused'),
      refused: chain(
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
export function answerPings(
  { family, ip, icmp }: Dialect,
  { nodeAddresses }: Pick<DataPath, 'nodeAddresses'>,
): TableFragment {
  const own = nodeAddresses[family];
  if (own === undefined) return {};
  const rule = `${icmp} type echo-request ${ip} daddr @${vipSet} dnat to ${own}`;
  return { chains: { pings: hookChain('nat hook prerouting priority dstnat - 10', [rule]) } };
}

/** Where only some clients are let in and it is kube-proxy that does it, it also tells them that nobody is there. */
function isOurs({ vacant, sources, nodePort }: PortPath): boolean {
  return vacant && (sources === undefined || nodePort !== undefined);
}
