/** The obstacles and the order of a take-over, decided before anything is changed. */
import { familyOf, ipToNumber, parseIp } from '../../addr/ip.ts';
import { holds, rangeSet } from '../../addr/range-set.ts';
import type { RawService } from '../../api/service.ts';
import type { Workload } from '../doctor/facts.ts';
import type { Migration } from './convert/metallb.ts';
import type { ConvertedService } from './convert/services.ts';
import type { Preview } from './preview.ts';
import { type Obstacle, silencedBy, type Topology } from './reach.ts';

/** The facts that a take-over depends on besides the Services. */
export interface Situation {
  /** MetalLB's workloads. */
  readonly programs: readonly Workload[];
  /** Whether the take-over stops them. */
  readonly stop: boolean;
  /** The number of Berth's controllers that are ready. */
  readonly controllers: number;
  /** The nodes whose speakers do not answer, and why: what they can announce is not known. */
  readonly silent: readonly { readonly node: string; readonly why: string }[];
  /** Nodes whose silence the user accepts. */
  readonly accepted?: readonly string[];
  readonly topology: Topology;
}

/** Finds all obstacles. With any obstacle, nothing is changed. */
export function obstaclesTo(previews: readonly Preview[], situation: Situation): readonly Obstacle[] {
  const { programs, stop, controllers, silent, accepted = [], topology } = situation;
  const changed = previews
    .filter(({ fate }) => fate === 'Changes')
    .map(({ service, addresses, message }) => ({
      what: `Service ${service} would not keep ${addresses.join(', ') || 'its address'}: ${message}`,
      todo: 'see the report on its pool; nothing is taken over while one Service would change its address',
    }));
  const absent = [
    ...(controllers === 0 ? ["none of Berth's controllers is ready"] : []),
    ...(topology.links.size === 0 ? ["none of Berth's speakers reports its links"] : []),
  ];
  return [
    ...absent.map((what) => ({ what, todo: 'kubectl berth doctor shows why' })),
    ...(topology.links.size === 0 ? [] : silent.filter(({ node }) => !accepted.includes(node))).map(silentObstacle),
    ...changed,
    ...(topology.links.size === 0 ? [] : silencedBy(previews, topology)),
    ...(stop ? orphanedBy(situation, previews) : runningOf(programs)),
  ];
}

/** Without this node, addresses may have no node, or none to go to when the only other one dies. */
function silentObstacle({ node, why }: Situation['silent'][number]): Obstacle {
  return {
    what: `Berth's speaker on ${node} does not answer: ${why}`,
    todo: `kubectl berth doctor shows more; if the node must not announce, or will not come back: --without-node ${node}`,
  };
}

function runningOf(programs: readonly Workload[]): readonly Obstacle[] {
  const running = programs.filter(({ kind, wanted }) => kind === 'Deployment' && wanted > 0);
  return running.map(({ namespace, name }) => ({
    what: `MetalLB's controller runs (Deployment ${namespace}/${name}): it would also give out addresses`,
    todo: `use --stop-metallb, or: kubectl -n ${namespace} scale deployment ${name} --replicas=0`,
  }));
}

/**
 * Services that MetalLB serves and Berth does not: those of MetalLB's class, and those without a class with an
 * address of MetalLB's pools.
 */
function orphanedBy({ programs, topology }: Situation, previews: readonly Preview[]): readonly Obstacle[] {
  const classes = new Set(programs.flatMap(({ args }) => classIn(args)));
  const ranges = rangeSet(topology.pools.flatMap((pool) => pool.ranges));
  const isInPool = (text: string) => {
    const ip = parseIp(text);
    return ip !== undefined && holds(ranges, familyOf(ip), ipToNumber(ip));
  };
  const left = previews.filter(({ fate, addresses }) => fate === 'NotOurs' && addresses.length > 0);
  const orphaned = left.filter(({ className, addresses }) =>
    className === undefined ? addresses.some(isInPool) : classes.has(className),
  );
  return orphaned.map(({ service, className }) => ({
    what: `Service ${service} has ${className === undefined ? 'no class' : `MetalLB's class ${className}`}, and Berth does not serve such Services: no node would announce its address any more`,
    todo:
      className === undefined
        ? "set the chart's value servicesWithoutClass: true"
        : `add ${className} to the chart's value loadBalancerClasses`,
  }));
}

function classIn(args: readonly string[]): readonly string[] {
  return args.flatMap((arg, i) =>
    arg.startsWith('--lb-class=') ? [arg.slice('--lb-class='.length)] : arg === '--lb-class' ? [args[i + 1] ?? ''] : [],
  );
}

/**
 * Groups the Services that share an address: while another program serves one of them, it also announces the
 * address.
 */
export function groupsToTake(
  { services }: Migration,
  previews: readonly Preview[],
): readonly (readonly ConvertedService[])[] {
  const keeps = new Set(previews.filter(({ fate }) => fate === 'Keeps').map(({ service }) => service));
  const groups: { readonly addresses: Set<string>; readonly members: ConvertedService[] }[] = [];
  for (const one of services.filter(({ service }) => keeps.has(keyOf(service)))) {
    const addresses = addressesOf(one.service);
    const together = groups.filter((group) => addresses.some((address) => group.addresses.has(address)));
    const group = { addresses: new Set(addresses), members: [one] };
    for (const other of together) {
      for (const address of other.addresses) group.addresses.add(address);
      group.members.unshift(...other.members);
      groups.splice(groups.indexOf(other), 1);
    }
    groups.push(group);
  }
  return groups.map(({ members }) => members);
}

/** Names a Service as `namespace/name`. */
export function keyOf({ metadata }: Pick<RawService, 'metadata'>): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

/** The addresses in the status of a Service. */
export function addressesOf({ status }: Pick<RawService, 'status'>): readonly string[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
}
