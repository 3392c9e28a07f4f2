/** Whether an address leads anywhere. */
import type { AllocationView } from '../api/allocation.ts';
import type { DesiredVipSnapshot } from './desired-vips.ts';

/** Does no Service at an address have an endpoint that kube-proxy would send its traffic to from this node? */
export function isIdle(
  { address, services }: Pick<AllocationView, 'address' | 'services'>,
  { service, endpointNodes }: Pick<DesiredVipSnapshot, 'service' | 'endpointNodes'>,
  node: string,
): boolean {
  const views = services.map(({ uid }) => service(uid)).filter((view) => view !== undefined);
  const here = views.filter((view) => view.isLoadBalancer && view.ingress.some(({ ip }) => ip === address));
  const leadsNowhere = here.every(({ key, local }) => {
    const nodes = endpointNodes.get(key);
    return nodes === undefined || (local ? !nodes.has(node) : nodes.size === 0);
  });
  return here.length > 0 && leadsNowhere;
}
