/**
 * Refuses packets for a VIP that no other rule has handled before the node would forward them. Without these rules they
 * would go back to the link, where no host has the address. The client would wait three seconds, or the packet would
 * circle between the router and this node until its TTL ends.
 */
import type { Dialect } from '../nft/family.ts';
import { chain, hookChain, setOf, type TableFragment } from '../nft/fragment.ts';
import type { DataPath, LinkPath, PortPath, VipPath } from '../plan/spec.ts';
import { vipSet } from './vip-counters.ts';

/** The limit of answers of each kind: a scan must not make this node a source of packets. */
const answers = 'limit rate 100/second burst 50 packets';

/**
 * A port of no Service is refused, as by a host that has the address (RFC 9293 section 3.10.7.1, RFC 1122 section
 * 3.2.2.1). A packet for a port of a Service is dropped without an answer: kube-proxy does not know the Service yet,
 * and the client's next SYN finds it.
 *
 * The rules come after the `filter` chains of other programs, so that packets dropped there stay dropped without an
 * answer.
 *
 * But two kinds of packets are refused before the node would forward them: those for a port without any endpoint, and
 * those that would leave by the link that they came from. To a client on the same link the kernel would first send an
 * ICMP redirect. Each attempted redirect counts against the rate limit of other ICMP messages (inetpeer: one limit for
 * both). So kube-proxy's refusal, an ICMP message, would never leave while packets arrive more often than once a
 * second.
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
  const refusable = `${ip} daddr @${vipSet} ${ip} daddr != @contested`;
  const turnsBack = `${refusable} ${key} != @served fib daddr . mark . iif oif exists`;
  const setOfPorts = (some: readonly { readonly at: string }[]) =>
    setOf(
      `${address} . inet_proto . inet_service`,
      some.map(({ at }) => at),
    );
  return {
    collections: {
      served: setOfPorts(ports),
      vacant: setOfPorts(ports.filter(isOurs)),
      // Another host claims these too: what is not for a Service may be for that host.
      contested: setOf(
        address,
        vips.filter(({ restraint }) => restraint === 'Contested').map((vip) => vip.address),
      ),
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
      // Only for packets that leave by a link with VIPs: a CNI may forward them to a link of its own and serve them
      // there (Antrea's proxy).
      unserved: hookChain('filter hook forward priority filter + 10', [`oifname @vip_links ${refusable} goto refuse`]),
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
 * The node that gets a ping of a VIP answers it, from the VIP. The rule comes before kube-proxy's own NAT, which
 * ignores ICMP; it matches no other packet.
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

/** May Berth refuse connections to the port? If kube-proxy enforces its source ranges, kube-proxy refuses them too. */
function isOurs({ vacant, sources, nodePort }: PortPath): boolean {
  return vacant && (sources === undefined || nodePort !== undefined);
}
