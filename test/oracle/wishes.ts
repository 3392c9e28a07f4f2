/** The wishes of a Service (docs/allocation.md, "What a Service asks for"), and the addresses in its status. */
import { addressIn, canonical, type Family, textOf } from './addresses.ts';
import type { Cluster, Labels, Rules, Service } from './objects.ts';

/** The wishes of a Service, and their faults. */
export interface Wishes {
  /** In the Service's order. */
  readonly families: readonly Family[];
  /** The address that it asks for, by family. */
  readonly addresses: ReadonlyMap<Family, string>;
  /** The pools that it asks for, in its order. Empty: any pool. */
  readonly pools: readonly string[];
  /** The key together with the namespaces that may use it, so that equal keys are equal texts. */
  readonly key: string | undefined;
  /** Reasons of docs/reasons.md why no pool can serve the wishes. */
  readonly faults: readonly string[];
}

/** "Each annotation is also read under `metallb.io/` and `metallb.universe.tf/`; the first prefix that has it counts." */
const prefixes = ['berth.dev/', 'metallb.io/', 'metallb.universe.tf/'] as const;

const readings = new WeakMap<Service, Wishes>();

/** Reads the wishes of a Service. */
export function wishesOf(service: Service): Wishes {
  const known = readings.get(service) ?? read(service);
  readings.set(service, known);
  return known;
}

/** An annotation as its author wrote it. Undefined: there is none. */
export function annotationOf(annotations: Labels | undefined, name: string): string | undefined {
  const prefix = prefixes.find((one) => annotations?.[one + name] !== undefined);
  return prefix && annotations?.[prefix + name]?.trim();
}

/** Whether the Service has the type LoadBalancer. */
export function isLoadBalancer({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer';
}

/** Whether the Service is being deleted. */
export function isEnding({ metadata }: Service): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** The addresses in its status, in canonical text. */
export function shownBy({ status }: Service): readonly string[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip && addressIn(ip) ? [canonical(ip)] : []));
}

/** The programs that wrote the addresses in its status. */
export function writersOf({ metadata }: Service): readonly string[] {
  const owns = (fields: Readonly<Record<string, unknown>> = {}) => JSON.stringify(fields).includes('"f:ingress"');
  const fields = (metadata.managedFields ?? []).filter((field) => field.subresource === 'status');
  return fields.filter((field) => owns(field.fieldsV1)).map(({ manager = '' }) => manager);
}

/** Whether its status shows only addresses of another program. */
export function isForeign(service: Service, { manager }: Rules): boolean {
  return (service.status?.loadBalancer?.ingress ?? []).length > 0 && !writersOf(service).includes(manager);
}

/** Whether Berth serves the Service by its class. */
export function hasOurClass({ spec }: Service, { classes, withoutClass }: Rules): boolean {
  return spec.loadBalancerClass === undefined ? withoutClass : classes.includes(spec.loadBalancerClass);
}

/** Whether Berth serves the Service: by its class, or because the ledger has an address of it in use. */
export function isOurs(service: Service, { entries, rules }: Pick<Cluster, 'entries' | 'rules'>): boolean {
  if (!isLoadBalancer(service)) return false;
  const has = entries.some(
    ({ spec }) => spec.reservedUntil === undefined && spec.services?.some(({ uid }) => uid === service.metadata.uid),
  );
  return has || hasOurClass(service, rules);
}

/** Whether Berth may take over the addresses that another program wrote to the status. */
export function isToBeTakenOver(service: Service, rules: Rules): boolean {
  const wants = service.metadata.annotations?.['berth.dev/take-over']?.trim() === 'true';
  const byClass = service.spec.loadBalancerClass !== undefined && hasOurClass(service, rules);
  return byClass || rules.takeOver || wants;
}

function read(service: Service): Wishes {
  const { spec, metadata } = service;
  const named = (spec.ipFamilies ?? []).filter((family) => family === 'IPv4' || family === 'IPv6');
  const families: readonly Family[] = named.length > 0 ? named : ['IPv4'];
  const asked = [...listIn(annotationOf(metadata.annotations, 'loadBalancerIPs')), ...listIn(spec.loadBalancerIP)];
  const found = asked.map(addressIn).filter((address) => address !== undefined);
  const of = (family: Family) => [...new Set(found.filter((one) => one.family === family).map(textOf))];
  const isContradiction = (['IPv4', 'IPv6'] as const).some(
    (family) => of(family).length > (families.includes(family) ? 1 : 0),
  );
  const key = keyIn(annotationOf(metadata.annotations, 'allow-shared-ip'), metadata.namespace ?? '');
  const pools = listIn(annotationOf(metadata.annotations, 'address-pool'));
  // "16 addresses, 64 pools and 16,384 ports at most"
  const isTooMuch = new Set(asked).size > 16 || pools.length > 64 || (spec.ports ?? []).length > 16_384;
  const faults = [
    ...(found.length < asked.length || key.isFault || isTooMuch ? ['InvalidRequest'] : []),
    ...(isContradiction ? ['ConflictingRequest'] : []),
  ];
  const addresses = new Map(families.flatMap((family) => of(family).map((text) => [family, text] as const)));
  return { families, addresses: faults.length > 0 ? new Map() : addresses, pools, key: key.text, faults };
}

function listIn(text = ''): readonly string[] {
  return text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
}

/** "A key `web` is good within one namespace; Services of several namespaces share by a key that names them all." */
function keyIn(text: string | undefined, namespace: string): { readonly text?: string; readonly isFault: boolean } {
  if (text === undefined || text === '') return { isFault: false };
  if (text.length > 256) return { isFault: true };
  const [namespaces, ...rest] = text.split('/');
  if (rest.length === 0) return { text: `${namespace}/${text}`, isFault: false };
  const named = [...new Set((namespaces ?? '').split(',').map((name) => name.trim()))].sort();
  if (!named.includes(namespace)) return { isFault: true };
  return { text: `${named.join(',')}/${rest.join('/').trim()}`, isFault: false };
}
