/** Services: what a Service asks for, and what its status says today. */
import { annotation } from './annotations.ts';
import { type Condition, type Identity, identityOf, type RawManagedField, type RawMeta } from './meta.ts';

/** Conditions that Berth writes to a Service. */
export const conditionTypes = { allocated: 'berth.dev/Allocated', announced: 'berth.dev/Announced' } as const;

/** One entry of `status.loadBalancer.ingress`. */
export interface Ingress {
  readonly ip?: string;
  readonly hostname?: string;
  readonly ipMode?: string;
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
  };
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly Ingress[] };
    readonly conditions?: readonly Condition[];
  };
}

/** What we need of a Service. */
export interface ServiceView extends Identity {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  /** RFC 3339. */
  readonly created: string;
  readonly isLoadBalancer: boolean;
  readonly class: string | undefined;
  /** The addresses that it asks for, as written. */
  readonly requests: readonly string[];
  readonly families: readonly string[];
  readonly familyPolicy: string;
  /** `externalTrafficPolicy: Local`: only nodes with an endpoint of their own may take its traffic. */
  readonly local: boolean;
  readonly ingress: readonly Ingress[];
  /** Who owns `status.loadBalancer.ingress`: one atomic field, whose owners all wrote the same. */
  readonly ingressWriters: readonly string[];
  /** Those of its conditions that are ours. */
  readonly conditions: readonly Condition[];
}

/** The view of a Service. */
export function parseService(raw: RawService): ServiceView {
  const { metadata, spec, status } = raw;
  const namespace = metadata.namespace ?? '';
  return {
    ...identityOf(metadata),
    key: `${namespace}/${metadata.name}`,
    namespace,
    created: metadata.creationTimestamp ?? '',
    isLoadBalancer: spec.type === 'LoadBalancer' && metadata.deletionTimestamp === undefined,
    class: spec.loadBalancerClass,
    requests: requestsOf(raw),
    families: spec.ipFamilies ?? [],
    familyPolicy: spec.ipFamilyPolicy ?? 'SingleStack',
    local: spec.externalTrafficPolicy === 'Local',
    ingress: status?.loadBalancer?.ingress ?? [],
    ingressWriters: (metadata.managedFields ?? []).filter(ownsIngress).map(({ manager }) => manager ?? 'unknown'),
    conditions: (status?.conditions ?? []).filter(({ type }) => type.startsWith('berth.dev/')),
  };
}

/** Both places name addresses; the same one in both is one request. */
function requestsOf({ metadata, spec }: RawService): readonly string[] {
  const annotated = annotation(metadata.annotations ?? {}, 'loadBalancerIPs') ?? '';
  const texts = [...annotated.split(','), spec.loadBalancerIP ?? ''].map((text) => text.trim());
  return [...new Set(texts.filter((text) => text !== ''))];
}

function ownsIngress({ subresource, fieldsV1 }: RawManagedField): boolean {
  const status = fieldsV1?.['f:status'] as { 'f:loadBalancer'?: { 'f:ingress'?: unknown } } | undefined;
  return subresource === 'status' && status?.['f:loadBalancer']?.['f:ingress'] !== undefined;
}
