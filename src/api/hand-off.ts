/** How a node passes the packets of a Service's VIPs on: which way is asked for, and which one it gets. */
import type { ServiceView } from './service.ts';

/**
 * `KubeProxy`: kube-proxy, or what replaces it, knows the VIP from the Service's status (`ipMode: VIP`). `NodePort`: Berth rewrites packets
 * to the Service's node port, and whatever serves that serves the VIP (`ipMode: Proxy`).
 */
export type HandOff = 'KubeProxy' | 'NodePort';

/** Both ways. */
export const handOffs: readonly HandOff[] = ['KubeProxy', 'NodePort'];

/** Why a Service gets another hand-off than it asks for: reasons of condition `berth.dev/HandOff`. */
export const handOffReasons = ['NoNodePorts', 'UnsupportedProtocol', 'UnknownHandOff'] as const;

/** What a Service gets, and why that is not what was asked for. */
export interface HandOffChoice {
  readonly handOff: HandOff;
  /** undefined: it is what was asked for. */
  readonly reason?: (typeof handOffReasons)[number];
  readonly message?: string;
}

/** The hand-off of a Service: its annotation, or else what the installation was told, as far as its ports allow. */
export function handOffOf(
  { handOff, ports, nodePorts }: Pick<ServiceView, 'handOff' | 'ports' | 'nodePorts'>,
  byDefault: HandOff,
): HandOffChoice {
  const asked = handOff ?? byDefault;
  if (asked === 'KubeProxy') return { handOff: 'KubeProxy' };
  if (asked !== 'NodePort') {
    const message = `annotation berth.dev/hand-off is "${asked}": it can be ${handOffs.join(' or ')}`;
    return { handOff: byDefault, reason: 'UnknownHandOff', message };
  }
  const bare = ports.find((_, i) => (nodePorts[i] ?? 0) === 0);
  if (bare !== undefined) {
    const message = `port ${bare.port} has no node port (allocateLoadBalancerNodePorts: false?): kube-proxy serves the VIP`;
    return { handOff: 'KubeProxy', reason: 'NoNodePorts', message };
  }
  const other = ports.find(({ protocol }) => protocol !== 'TCP' && protocol !== 'UDP');
  if (other !== undefined) {
    const message = `port ${other.port} is ${other.protocol}, which is not rewritten: kube-proxy serves the VIP`;
    return { handOff: 'KubeProxy', reason: 'UnsupportedProtocol', message };
  }
  return { handOff: 'NodePort' };
}

/** The `ipMode` of a Service's addresses in its status (KEP-1860). */
export function ipModeOf({ handOff }: HandOffChoice): 'VIP' | 'Proxy' {
  return handOff === 'NodePort' ? 'Proxy' : 'VIP';
}
