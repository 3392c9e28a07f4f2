/** Finds addresses whose Services have no endpoint to serve them. */
import type { AllocationView } from '../api/allocation.ts';
import { type DesiredVipSnapshot, endpointKey } from './desired-vips.ts';

/** Is there no Service at the address with an endpoint to which kube-proxy on this node would send traffic? */
export function isIdle(
  { address, services }: Pick<AllocationView, 'address' | 'services'>,
  { service, endpointNodes }: Pick<DesiredVipSnapshot, 'service' | 'endpointNodes'>,
  node: string,
): boolean {
  const views = services.map(({ uid }) => service(uid)).filter((view) => view !== undefined);
  const here = views.filter((view) => view.isLoadBalancer && view.ingress.some(({ ip }) => ip === address));
  const leadsNowhere = here.every(({ key, local }) => {
    const nodes = endpointNodes.get(endpointKey(key, address));
    return nodes === undefined || (local ? !nodes.has(node) : nodes.size === 0);
  });
  return here.length > 0 && leadsNowhere;
}
