/**
 * kube-proxy goes on sending a share of the new connections to Pods of a dead node until Kubernetes has noticed its
 * death (40 to 50 seconds). These rules drop the first packet of each such connection, after kube-proxy has chosen the
 * Pod and before conntrack has confirmed the connection. So the client's next SYN, one second later, is balanced again.
 */
import { familyOf, type Ip } from '../../addr/ip.ts';
import type { Dialect } from '../nft/family.ts';
import { hookChain, setOf, type TableFragment } from '../nft/fragment.ts';

/**
 * Drops new connections to dead endpoints that a load balancer has sent there: their first destination was another one.
 * A connection to the endpoint's own address has no other choice (kubelet's probes, Prometheus, SSH). Established
 * connections go on: the node may be alive, and only the speakers do not hear it.
 */
export function avoidDeadEndpoints({ family, ip, address }: Dialect, endpoints: readonly Ip[]): TableFragment {
  const rule = `ct state new ${ip} daddr @dead_endpoints`;
  // IPVS changes the destination without NAT. The first destination alone is no sign: any user may name it as an
  // endpoint, too.
  const rules = [`${rule} ct status dnat drop`, `${rule} ct original ${ip} daddr != @dead_endpoints drop`];
  return {
    collections: {
      dead_endpoints: setOf(address, new Set(endpoints.filter((endpoint) => familyOf(endpoint) === family))),
    },
    chains: {
      forwarded_to_dead: hookChain('filter hook forward priority filter + 5', rules),
      // Connections from this node itself: the transport protocol retransmits, as if the packet had been lost.
      sent_to_dead: hookChain('filter hook output priority filter + 5', rules),
    },
  };
}
