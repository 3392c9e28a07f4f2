/** Services: the requests of a Service, and its current status. */
import { type Family, parseSloppyIp } from '../addr/ip.ts';
import { annotation, parseFlag } from './annotations.ts';
import { type Condition, type Identity, identityOf, type RawManagedField, type RawMeta } from './meta.ts';
import { parseSourceRanges, type SourceRanges } from './source-ranges.ts';
import { parseTime } from './time.ts';

/** The condition types that Berth writes to a Service. */
export const conditionTypes = {
  allocated: 'berth.dev/Allocated',
  announced: 'berth.dev/Announced',
  /** Present only if the hand-off in effect is not the requested one. */
  handOff: 'berth.dev/HandOff',
} as const;

/** Annotation of a Service, `true` or another value that means yes: Berth takes over the addresses that another program wrote to its status. */
export const takeOverAnnotation = 'berth.dev/take-over';

/** One entry of `status.loadBalancer.ingress`. */
interface RawIngress {
  readonly ip?: string;
  readonly hostname?: string;
  readonly ipMode?: string;
}

/** The same in a view, with the address in canonical form. */
export interface Ingress extends RawIngress {
  /** The address as it was written, if that is another spelling. */
  readonly spelling?: string;
}

/** A port of a Service. */
export interface ServicePort {
  readonly protocol: string;
  readonly port: number;
}

/** `TCP/80`. */
export function portName({ protocol, port }: ServicePort): string {
  return `${protocol}/${port}`;
}

/** A program that owns `status.loadBalancer.ingress`. */
export interface IngressWriter {
  readonly manager: string;
  /** The time of its last write; milliseconds since 1970. */
  readonly at: number;
}

/** Service as the API server sends it. */
export interface RawService {
  readonly metadata: RawMeta;
  readonly spec: {
    readonly type?: string;
    readonly loadBalancerClass?: string;
    readonly loadBalancerIP?: string;
    readonly ipFamilies?: readonly string[];
    readonly ipFamilyPolicy?: string;
    readonly externalTrafficPolicy?: string;
    readonly loadBalancerSourceRanges?: readonly string[];
    readonly selector?: Readonly<Record<string, string>>;
    readonly publishNotReadyAddresses?: boolean;
    readonly sessionAffinity?: string;
    readonly ports?: readonly { readonly protocol?: string; readonly port: number; readonly nodePort?: number }[];
  };
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly RawIngress[] };
    readonly conditions?: readonly Condition[];
  };
}

/** A Service may request so many addresses and pools. An annotation has room for 100,000, and each pass works with them. */
export const requestLimits = { addresses: 16, pools: 64 } as const;

/** The fields of a Service that Berth uses. */
export interface ServiceView extends Identity, SourceRanges {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  /** RFC 3339. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly isLoadBalancer: boolean;
  readonly class: string | undefined;
  /** The addresses that it requests, as written: one more than {@link requestLimits} allows at most. */
  readonly requests: readonly string[];
  /** The pools that it requests, in order: one more than {@link requestLimits} allows at most. */
  readonly requestedPools: readonly string[];
  /** Services with the same key may share an address. */
  readonly sharingKey: string | undefined;
  readonly ports: readonly ServicePort[];
  /** The node port of each port, in the same order; 0 if there is none. */
  readonly nodePorts: readonly number[];
  /** The hand-off that it requests (annotation `berth.dev/hand-off`), as written. */
  readonly handOff: string | undefined;
  /** Berth must serve it with the address that another program wrote (annotation `berth.dev/take-over: "true"`). */
  readonly takeOver: boolean;
  /** The value of that annotation if it means neither yes nor no. */
  readonly unclearTakeOver: string | undefined;
  /** All connections of a client go to one Pod (`sessionAffinity: ClientIP`). */
  readonly sticky: boolean;
  /** In the Service's order. */
  readonly families: readonly Family[];
  readonly familyPolicy: string;
  /** `externalTrafficPolicy: Local`: only nodes with an endpoint of the Service may receive its traffic. */
  readonly local: boolean;
  /** Its selector in a canonical text form. */
  readonly selector: string;
  /** Its Pods serve before they are ready (`publishNotReadyAddresses`). */
  readonly servesUnready: boolean;
  readonly ingress: readonly Ingress[];
  /** The owners of `status.loadBalancer.ingress`. The field is atomic: all its owners wrote the same value. */
  readonly ingressWriters: readonly IngressWriter[];
  /** Its conditions that Berth wrote. */
  readonly conditions: readonly Condition[];
}

/** The view of a Service. */
export function parseService(raw: RawService): ServiceView {
  const { metadata, spec, status } = raw;
  const namespace = metadata.namespace ?? '';
  const takeOver = metadata.annotations?.[takeOverAnnotation];
  return {
    ...identityOf(metadata),
    key: `${namespace}/${metadata.name}`,
    namespace,
    created: metadata.creationTimestamp ?? '',
    labels: metadata.labels ?? {},
    isLoadBalancer: spec.type === 'LoadBalancer' && metadata.deletionTimestamp === undefined,
    class: spec.loadBalancerClass,
    requests: requestsOf(raw),
    requestedPools: listOf(annotation(metadata.annotations ?? {}, 'address-pool')).slice(0, requestLimits.pools + 1),
    // An empty key means that the Service shares with no other.
    sharingKey: annotation(metadata.annotations ?? {}, 'allow-shared-ip') || undefined,
    ports: (spec.ports ?? []).map(({ protocol = 'TCP', port }) => ({ protocol, port })),
    nodePorts: (spec.ports ?? []).map(({ nodePort = 0 }) => nodePort),
    handOff: annotation(metadata.annotations ?? {}, 'hand-off'),
    takeOver: takeOver !== undefined && parseFlag(takeOver) === true,
    unclearTakeOver: takeOver !== undefined && parseFlag(takeOver) === undefined ? takeOver : undefined,
    sticky: spec.sessionAffinity === 'ClientIP',
    families: (spec.ipFamilies ?? []).filter((family): family is Family => family === 'IPv4' || family === 'IPv6'),
    familyPolicy: spec.ipFamilyPolicy ?? 'SingleStack',
    local: spec.externalTrafficPolicy === 'Local',
    ...parseSourceRanges(spec.loadBalancerSourceRanges ?? []),
    selector: JSON.stringify(Object.entries(spec.selector ?? {}).sort()),
    servesUnready: spec.publishNotReadyAddresses === true,
    ingress: (status?.loadBalancer?.ingress ?? []).map(ingressOf),
    ingressWriters: (metadata.managedFields ?? [])
      .filter(ownsIngress)
      .map(({ manager = 'unknown', time = '' }) => ({ manager, at: parseTime(time) || 0 })),
    conditions: (status?.conditions ?? []).filter(({ type }) => type.startsWith('berth.dev/')),
  };
}

/** The requested addresses in the annotation and in `spec.loadBalancerIP`, each once. */
function requestsOf({ metadata, spec }: RawService): readonly string[] {
  const annotated = listOf(annotation(metadata.annotations ?? {}, 'loadBalancerIPs'));
  return [...new Set([...annotated, ...listOf(spec.loadBalancerIP)])].slice(0, requestLimits.addresses + 1);
}

function listOf(text = ''): readonly string[] {
  const items = text.split(',').map((item) => item.trim());
  return items.filter((item) => item !== '');
}

function ownsIngress({ subresource, fieldsV1 }: RawManagedField): boolean {
  const status = fieldsV1?.['f:status'] as { 'f:loadBalancer'?: { 'f:ingress'?: unknown } } | undefined;
  return subresource === 'status' && status?.['f:loadBalancer']?.['f:ingress'] !== undefined;
}

function ingressOf(raw: RawIngress): Ingress {
  const ip = parseSloppyIp(raw.ip ?? '');
  return ip === undefined || ip === raw.ip ? raw : { ...raw, ip, spelling: raw.ip ?? '' };
}

/** An ingress as it was written. Another spelling of the same address would be a conflict with its writer. */
export function asWritten({ spelling, ...ingress }: Ingress): RawIngress {
  return spelling === undefined ? ingress : { ...ingress, ip: spelling };
}

/** An ingress as text, for comparisons. The API server sets the default of `ipMode`. */
export function ingressText(ingress: readonly Ingress[]): string {
  return ingress.map(({ ip = '', hostname = '', ipMode = 'VIP' }) => `${ip} ${hostname} ${ipMode}`).join(', ');
}

/** Orders by age, then by name: the same order in every process and after every restart. */
export function oldestFirst(a: ServiceView, b: ServiceView): number {
  if (a.created !== b.created) return a.created < b.created ? -1 : 1;
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** The `backends` of a Service that every node serves. */
export const everywhere = 'Cluster';

/**
 * What the node that holds the address must have: with `externalTrafficPolicy: Local` endpoints of the Service, and of every Service that
 * shares the address. Equal texts mean the same Pods. Nobody knows which Pods a Service without a selector has, so its text is its own.
 */
export function backendsOf({ local, selector, servesUnready, namespace, key }: ServiceView): string {
  if (!local) return everywhere;
  if (selector === '[]') return `Local ${key}`;
  return `Local ${namespace} ${selector}${servesUnready ? ' Unready' : ''}`;
}
