/**
 * kube-proxy goes on sending a share of the new connections to Pods of a dead node, until Kubernetes has seen that it is dead (40 to 50
 * seconds). The first packet of each is dropped here after kube-proxy has chosen the Pod and before the kernel has noted the connection:
 * so the client's next SYN, a second later, is balanced anew.
 */
import { familyOf, type Ip } from '../../addr/ip.ts';
import type { Dialect } from '../nft/family.ts';
import { hookChain, setOf, type TableFragment } from '../nft/fragment.ts';

/** Drops what would begin with an endpoint that is dead. What is under way goes on: the node may be well, and only we do not hear it. */
export function avoidDeadEndpoints({ family, ip, address }: Dialect, endpoints: readonly Ip[]): TableFragment {
  const rule = `ct state new ${ip} daddr @dead_endpoints drop`;
  return {
    collections: {
      dead_endpoints: setOf(address, new Set(endpoints.filter((endpoint) => familyOf(endpoint) === family))),
    },
    chains: {
      forwarded_to_dead: hookChain('filter hook forward priority filter + 5', [rule]),
      // What begins on this node itself: the transport protocol sends again, as if the packet had been lost.
      sent_to_dead: hookChain('filter hook output priority filter + 5', [rule]),
    },
  };
}
