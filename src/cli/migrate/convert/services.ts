/**
 * Converts the annotations of Services. Berth reads most of MetalLB's annotations unchanged; a few need
 * another form.
 */
import { parseIp } from '../../../addr/ip.ts';
import type { RawService } from '../../../api/service.ts';
import { FieldReport, type FieldRow } from './field-report.ts';

/** The other input of a Service's conversion. */
interface ServiceContext {
  /** The names of Berth's pools after the conversion. */
  readonly pools: readonly string[];
  /** Classes that Berth serves. */
  readonly classes: readonly string[];
  readonly services: readonly RawService[];
}

/** The annotations to write to a Service, and the report on it. */
export interface ConvertedService {
  readonly service: RawService;
  /** The annotations; none in most cases. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly rows: readonly FieldRow[];
}

const prefixes = ['metallb.io/', 'metallb.universe.tf/'] as const;

/** Whether MetalLB could serve this Service. */
export function isBalanced({ spec, metadata }: RawService): boolean {
  return spec.type === 'LoadBalancer' && metadata.deletionTimestamp === undefined;
}

/** Converts a Service of type LoadBalancer. */
export function convertService(service: RawService, context: ServiceContext): ConvertedService {
  const { metadata, spec } = service;
  const notes = new FieldReport(`Service ${metadata.namespace ?? ''}/${metadata.name}`);
  const annotations: Record<string, string> = {};
  for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
    const prefix = prefixes.find((one) => key.startsWith(one));
    if (prefix === undefined) continue;
    const name = key.slice(prefix.length);
    const field = `metadata.annotations[${key}]`;
    if (typeof value !== 'string') notes.unread(field, `${JSON.stringify(value)} is not a text`, 'put it in quotes');
    else if (name === 'address-pool') reportPool(value, field, { notes, pools: context.pools });
    else if (name === 'loadBalancerIPs') notes.carried(field, value);
    else if (name === 'allow-shared-ip') {
      const sharing = sharingKeyFor(service, context.services);
      if (sharing === undefined) notes.carried(field, value === '' ? 'shares with no other Service' : value);
      else {
        annotations['berth.dev/allow-shared-ip'] = sharing;
        notes.adapted(
          field,
          `berth.dev/allow-shared-ip: ${sharing}, which names the namespaces that may share; MetalLB still reads its own annotation`,
        );
      }
    } else if (name === 'ip-allocated-from-pool') notes.notNeeded(field, 'kubectl get ipallocations shows the pool');
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
  if (pools.includes(value.trim())) notes.carried(field, value);
  else notes.notCarried(field, `there will be no pool ${value}`, 'change the annotation to another pool, or remove it');
}

function reportClass(name: string | undefined, notes: FieldReport, { classes }: ServiceContext): void {
  if (name === undefined) return;
  if (classes.includes(name)) notes.carried('spec.loadBalancerClass', name);
  else {
    notes.notCarried(
      'spec.loadBalancerClass',
      `Berth does not serve the class ${name}, and the class of a Service cannot be changed`,
      `if it is MetalLB's class, add it to the chart's value loadBalancerClasses`,
    );
  }
}

/**
 * The sharing key that a Service needs for Berth; undefined if MetalLB's key works. Services of different
 * namespaces need a key that begins with a list of all these namespaces and a slash. So a key of MetalLB that
 * contains a slash must change, too.
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

function sharingKeyOf({ metadata: { annotations } }: RawService): string | undefined {
  const values = prefixes.map((prefix) => annotations?.[`${prefix}allow-shared-ip`]);
  return values.find((value) => typeof value === 'string')?.trim();
}

/** Whether two Services have a common address, or may get one: a Service in a file shows no address, and may ask for none. */
function shareAddress(a: RawService, b: RawService): boolean {
  const [some, others] = [addressesFor(a), addressesFor(b)];
  return some.size === 0 ? others.size === 0 : !some.isDisjointFrom(others);
}

/** The addresses that a Service shows; if it shows none, those that it asks for. */
function addressesFor({ metadata: { annotations }, spec, status }: RawService): ReadonlySet<string> {
  const shown = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
  if (shown.length > 0) return new Set(shown);
  const asked = prefixes.map((prefix) => annotations?.[`${prefix}loadBalancerIPs`]).find((one) => one !== undefined);
  const texts = String(asked ?? spec.loadBalancerIP ?? '').split(',');
  return new Set(texts.map((text) => parseIp(text.trim())).filter((ip) => ip !== undefined));
}
