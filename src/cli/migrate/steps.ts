/** The order of a take-over, decided before anything is changed. */
import type { RawService } from '../../api/service.ts';
import type { Workload } from '../doctor/facts.ts';
import type { Migration } from './metallb.ts';
import type { Preview } from './preview.ts';
import type { ConvertedService } from './services.ts';

/** What speaks against a take-over; `todo` says how it becomes possible. */
export interface Obstacle {
  readonly what: string;
  readonly todo: string;
}

/** All that speaks against it. Nothing is changed while there is anything. */
export function obstaclesTo(
  previews: readonly Preview[],
  { programs, stop }: { readonly programs: readonly Workload[]; readonly stop: boolean },
): readonly Obstacle[] {
  const changed = previews
    .filter(({ fate }) => fate === 'Changes')
    .map(({ service, addresses, message }) => ({
      what: `Service ${service} would not keep ${addresses.join(', ') || 'its address'}: ${message}`,
      todo: 'see what the report says of its pool; nothing is taken over while one Service would change',
    }));
  const running = programs.filter(({ kind, wanted }) => kind === 'Deployment' && wanted > 0);
  const undecided = stop
    ? []
    : running.map(({ namespace, name }) => ({
        what: `MetalLB's controller runs (Deployment ${namespace}/${name}): it would give addresses too`,
        todo: `--stop-metallb, or: kubectl -n ${namespace} scale deployment ${name} --replicas=0`,
      }));
  const classes = new Set(programs.flatMap(({ args }) => classIn(args)));
  const orphaned = stop
    ? previews.filter(
        ({ fate, addresses, className = '' }) => fate === 'NotOurs' && addresses.length > 0 && classes.has(className),
      )
    : [];
  const left = orphaned.map(({ service, className }) => ({
    what: `Service ${service} is of MetalLB's class ${className}, which Berth does not serve: nobody would announce its address any more`,
    todo: `add ${className} to the chart's value loadBalancerClasses`,
  }));
  return [...changed, ...left, ...undecided];
}

function classIn(args: readonly string[]): readonly string[] {
  return args.flatMap((arg, i) =>
    arg.startsWith('--lb-class=') ? [arg.slice('--lb-class='.length)] : arg === '--lb-class' ? [args[i + 1] ?? ''] : [],
  );
}

/** Services that share an address go together: while one of them is another program's, so is the address. */
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

/** `namespace/name`. */
export function keyOf({ metadata }: Pick<RawService, 'metadata'>): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

/** What its status shows. */
export function addressesOf({ status }: Pick<RawService, 'status'>): readonly string[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
}
