/** How a node hands the packets of a Service's VIPs on: the requested hand-off, and the one in effect. */
import { oldestFirst, type ServiceView } from './service.ts';
import { brief } from './text.ts';

/**
 * `KubeProxy`: kube-proxy, or its replacement, learns the VIP from the Service's status (`ipMode: VIP`). `NodePort`: Berth rewrites
 * packets to the Service's node port; the program that serves node ports then serves the VIP (`ipMode: Proxy`).
 */
export type HandOff = 'KubeProxy' | 'NodePort';

/** Both hand-offs. */
export const handOffs: readonly HandOff[] = ['KubeProxy', 'NodePort'];

/** Why a Service gets another hand-off than it requests, or not all that it means: the reasons of condition `berth.dev/HandOff`. */
export const handOffReasons = [
  'NoNodePorts',
  'UnsupportedProtocol',
  'UnknownHandOff',
  'TooManySourceRanges',
  'UnreadableSourceRange',
] as const;

/** The hand-off in effect, and the reason if it is not the requested one. */
export interface HandOffChoice {
  readonly handOff: HandOff;
  /** undefined: it is the requested one, and does what the Service requests. */
  readonly reason?: (typeof handOffReasons)[number];
  readonly message?: string;
}

/** A Service may have this many pairs of a port and a source range: each is an element of the rules of every node. */
const mostAdmissions = 10_000;

/** Has a Service so many ports and source ranges that no node could load the rules for all their pairs? */
export function hasTooManyRanges({ ports, sourceRanges }: Pick<ServiceView, 'ports' | 'sourceRanges'>): boolean {
  return ports.length * sourceRanges.length > mostAdmissions;
}

/**
 * The Services of one namespace may have this many such pairs together. The kernel takes about 10,000 in a second, and
 * what one tenant writes must not hold up the rules of all others.
 */
const mostOfNamespace = 20_000;

/** No Service is {@link crowdedOut}. */
const noService: ReadonlySet<string> = new Set();

/** The uids of the Services whose pairs are too many beside those of the older Services of their namespace. */
export function crowdedOut(services: readonly ServiceView[], byDefault: HandOff): ReadonlySet<string> {
  const limited = services.filter((service) => service.sourceRanges.length > 0 && service.isLoadBalancer);
  const rewritten = limited.filter((service) => handOffOf(service, byDefault).handOff === 'NodePort');
  const crowded = new Set<string>();
  for (const all of Map.groupBy(rewritten, ({ namespace }) => namespace).values()) {
    let pairs = 0;
    for (const { uid, ports, sourceRanges } of all.toSorted(oldestFirst)) {
      const own = ports.length * sourceRanges.length;
      if (pairs + own > mostOfNamespace) crowded.add(uid);
      else pairs += own;
    }
  }
  return crowded.size === 0 ? noService : crowded;
}

/** The hand-off of a Service: that of its annotation, or else the default of the installation, if its ports allow it. */
export function handOffOf(
  {
    handOff,
    ports,
    nodePorts,
    sourceRanges,
    unreadableRanges,
    ...service
  }: Pick<ServiceView, 'uid' | 'namespace' | 'handOff' | 'ports' | 'nodePorts' | 'sourceRanges' | 'unreadableRanges'>,
  byDefault: HandOff,
  crowded: ReadonlySet<string> = noService,
): HandOffChoice {
  const asked = handOff ?? byDefault;
  if (asked === 'KubeProxy') return { handOff: 'KubeProxy' };
  if (asked !== 'NodePort') {
    const message = `annotation berth.dev/hand-off is "${brief(asked)}": it must be ${handOffs.join(' or ')}`;
    return { handOff: byDefault, reason: 'UnknownHandOff', message };
  }
  const bare = ports.find((_, i) => (nodePorts[i] ?? 0) === 0);
  if (bare !== undefined) {
    const message = `port ${bare.port} has no node port (allocateLoadBalancerNodePorts: false?): kube-proxy serves the VIP`;
    return { handOff: 'KubeProxy', reason: 'NoNodePorts', message };
  }
  const other = ports.find(({ protocol }) => protocol !== 'TCP' && protocol !== 'UDP');
  if (other !== undefined) {
    const message = `port ${other.port} uses ${other.protocol}, which is not rewritten: kube-proxy serves the VIP`;
    return { handOff: 'KubeProxy', reason: 'UnsupportedProtocol', message };
  }
  if (hasTooManyRanges({ ports, sourceRanges })) {
    const message = `${ports.length} ports and ${sourceRanges.length} source ranges are more than ${mostAdmissions} pairs: kube-proxy serves the VIP`;
    return { handOff: 'KubeProxy', reason: 'TooManySourceRanges', message };
  }
  if (crowded.has(service.uid)) {
    const message = `the older Services of namespace ${service.namespace} and this one have more than ${mostOfNamespace} pairs of a port and a source range: kube-proxy serves the VIP`;
    return { handOff: 'KubeProxy', reason: 'TooManySourceRanges', message };
  }
  const [unreadable] = unreadableRanges;
  if (unreadable !== undefined) {
    const message = `source range "${brief(unreadable)}" is not a CIDR: it admits no client`;
    return { handOff: 'NodePort', reason: 'UnreadableSourceRange', message };
  }
  return { handOff: 'NodePort' };
}

/** The `ipMode` of a Service's addresses in its status (KEP-1860). */
export function ipModeOf({ handOff }: HandOffChoice): 'VIP' | 'Proxy' {
  return handOff === 'NodePort' ? 'Proxy' : 'VIP';
}
