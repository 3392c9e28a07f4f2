/** What Services ask MetalLB for. Berth reads the same annotations; few of them need another form. */
import type { RawService } from '../../api/service.ts';
import { FieldReport, type FieldRow } from './field-report.ts';

/** What the migration needs to know besides a Service. */
export interface ServiceContext {
  /** Names of the pools that Berth will have. */
  readonly pools: readonly string[];
  /** Classes that Berth serves. */
  readonly classes: readonly string[];
  readonly services: readonly RawService[];
}

/** What is to be written to a Service, and the report on it. */
export interface ConvertedService {
  readonly service: RawService;
  /** Annotations that it needs; none in most cases. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly rows: readonly FieldRow[];
}

const prefixes = ['metallb.io/', 'metallb.universe.tf/'] as const;

/** Is it a Service that MetalLB could have served? */
export function isBalanced({ spec, metadata }: RawService): boolean {
  return spec.type === 'LoadBalancer' && metadata.deletionTimestamp === undefined;
}

/** A Service of type LoadBalancer. */
export function convertService(service: RawService, context: ServiceContext): ConvertedService {
  const { metadata, spec } = service;
  const notes = new FieldReport(`Service ${metadata.namespace ?? ''}/${metadata.name}`);
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
    const prefix = prefixes.find((one) => key.startsWith(one));
    if (prefix === undefined) continue;
    const name = key.slice(prefix.length);
    const field = `metadata.annotations[${key}]`;
    if (name === 'address-pool') reportPool(value, field, { notes, pools: context.pools });
    else if (name === 'loadBalancerIPs') notes.carried(field, value);
    else if (name === 'allow-shared-ip') {
      const sharing = sharingKeyFor(service, context.services);
      if (sharing === undefined) notes.carried(field, value === '' ? 'shares with nobody' : value);
      else {
        annotations['berth.dev/allow-shared-ip'] = sharing;
        notes.adapted(
          field,
          `berth.dev/allow-shared-ip: ${sharing}, which names the namespaces that may share; MetalLB goes on reading its own`,
        );
      }
    } else if (name === 'ip-allocated-from-pool') notes.notNeeded(field, 'kubectl get ipallocations tells the pool');
    else notes.notCarried(field, 'Berth does not know the annotation');
  }
  if (spec.loadBalancerIP !== undefined && spec.loadBalancerIP !== '')
    notes.carried('spec.loadBalancerIP', spec.loadBalancerIP);
  reportClass(spec.loadBalancerClass, notes, context);
  return { service, annotations, rows: notes.rows };
}

function reportPool(
  value: string,
  field: string,
  { notes, pools }: { readonly notes: FieldReport; readonly pools: readonly string[] },
): void {
  if (pools.includes(value)) notes.carried(field, value);
  else notes.notCarried(field, `there will be no pool ${value}`, 'let the Service ask for another one, or for none');
}

function reportClass(name: string | undefined, notes: FieldReport, { classes }: ServiceContext): void {
  if (name === undefined) return;
  if (classes.includes(name)) notes.carried('spec.loadBalancerClass', name);
  else {
    notes.notCarried(
      'spec.loadBalancerClass',
      `Berth does not serve the class ${name}, and it cannot be changed in a Service`,
      `if it was MetalLB's, add it to the chart's value loadBalancerClasses`,
    );
  }
}

/**
 * The key that a Service needs, where MetalLB's own does not do: Services of several namespaces share by a key that names them all, and
 * what stands before a slash is such a list. undefined: it does.
 */
function sharingKeyFor(service: RawService, all: readonly RawService[]): string | undefined {
  const key = sharingKeyOf(service);
  if (key === undefined || key === '') return undefined;
  const together = all.filter(
    (other) => isBalanced(other) && sharingKeyOf(other) === key && shareAddress(service, other),
  );
  const namespaces = [...new Set([service, ...together].map(({ metadata }) => metadata.namespace ?? ''))].sort();
  if (namespaces.length === 1 && !key.includes('/')) return undefined;
  return `${namespaces.join(',')}/${key.replaceAll('/', '-')}`;
}

function sharingKeyOf({ metadata: { annotations = {} } }: RawService): string | undefined {
  return prefixes.map((prefix) => annotations[`${prefix}allow-shared-ip`]).find((value) => value !== undefined);
}

function shareAddress(a: RawService, b: RawService): boolean {
  const shown = new Set((a.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip));
  return (b.status?.loadBalancer?.ingress ?? []).some(({ ip }) => ip !== undefined && shown.has(ip));
}
