/**
 * Whether a write of Berth fits its destination: the CRD schemas, and the limits of Kubernetes' own
 * kinds.
 */
import { isIP } from 'node:net';
import type { AllocationSpec } from '../../../src/api/allocation.ts';
import { faultsOf, type Schema, schemaOf } from './schema.ts';

/** A write to the API server. */
export interface Write {
  readonly method: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

const kinds = Object.fromEntries(['ipallocations', 'ipaddresspools'].map((plural) => [plural, schemaOf(plural)]));

/** The faults of a write, one line each. */
export function faultsOfWrite({ method, path, body }: Write): readonly string[] {
  if (method === 'DELETE') return [];
  const [, plural, isStatus] = /\/berth\.dev\/v1beta1\/(\w+)(?:\/[^/]+(\/status)?)?$/.exec(path) ?? [];
  if (plural !== undefined) {
    const schema = kinds[plural];
    if (schema === undefined) return [`${path}: a kind that Berth does not write`];
    if (isStatus) return [...faultsOfStatus(body, schema), ...ruleFaults(body, path)];
    const object = method === 'PATCH' ? patched(body, path) : body;
    return [...(object.spec === undefined ? [] : faultsOf(object, schema, plural)), ...ruleFaults(object, path)];
  }
  if (/\/services\/[^/]+\/status$/.test(path)) return serviceFaults(body as unknown as ServiceStatus);
  if (/\/events$/.test(path)) return eventFaults(body as unknown as Event);
  return [`${path}: a path that these tests do not know`];
}

/** What a merge patch (RFC 7396) makes of an object without optional fields. */
function patched(body: Write['body'], path: string): Write['body'] {
  const named = Object.entries((body.spec ?? {}) as object).filter(([, value]) => value !== null);
  const metadata = { ...(body.metadata as object), name: path.split('/').at(-1) };
  const kind = { apiVersion: 'berth.dev/v1beta1', kind: 'IPAllocation' };
  return { ...kind, metadata, ...(body.spec !== undefined && { spec: Object.fromEntries(named) }) };
}

/** An apply of a status has a part of the object: the status, and no other field. */
function faultsOfStatus(body: Write['body'], schema: Schema): readonly string[] {
  const { apiVersion: _v, kind: _k, metadata: _m, status, ...rest } = body;
  const status_ = schema.properties?.status;
  if (status_ === undefined) return ['the kind has no status'];
  return [...Object.keys(rest).map((key) => `${key}: not in the status`), ...faultsOf(status, status_, 'status')];
}

/** The rules of the CRD of entries. Also, the name in the path must be that of the object. */
function ruleFaults({ metadata, spec }: Write['body'], path: string): readonly string[] {
  const { name } = metadata as { readonly name: string };
  const { address, services = [], reservedUntil } = (spec ?? {}) as Partial<AllocationSpec>;
  const inPath = /\/ip\w+\/([^/]+)/.exec(path)?.[1];
  const isKept = address === undefined || services.length > 0 || reservedUntil !== undefined;
  return [
    ...(inPath !== undefined && inPath !== name ? [`${name} is written at ${path}`] : []),
    ...(address === undefined || addressNamed(name) === address ? [] : [`entry ${name} holds ${address}`]),
    ...(isKept ? [] : [`entry ${name} has neither Services nor a reservation time`]),
  ];
}

/** The address in canonical form (RFC 5952) that a name stands for, by the URL standard. */
function addressNamed(name: string): string {
  if (!/^[0-9a-f]{4}(-[0-9a-f]{4}){7}$/.test(name)) return name;
  return new URL(`http://[${name.replaceAll('-', ':')}]`).hostname.slice(1, -1);
}

interface Ingress {
  readonly ip?: string;
  readonly ipMode?: string;
  readonly hostname?: string;
}

interface ServiceStatus {
  readonly status: {
    readonly loadBalancer?: { readonly ingress: readonly Ingress[] };
    readonly conditions?: readonly Readonly<Record<string, string>>[];
  };
}

/** A `meta/v1` Condition, according to its validation in Kubernetes and its OpenAPI markers. */
const conditionSchema: Schema = {
  type: 'object',
  required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
  properties: {
    type: { type: 'string', maxLength: 316, pattern: '^([a-z0-9.-]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$' },
    status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
    reason: { type: 'string', minLength: 1, maxLength: 1_024, pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$' },
    message: { type: 'string', maxLength: 32_768 },
    lastTransitionTime: { type: 'string', format: 'date-time' },
  },
};

function serviceFaults({ status: { loadBalancer, conditions = [] } }: ServiceStatus): readonly string[] {
  const list: Schema = { type: 'array', items: conditionSchema, 'x-kubernetes-list-map-keys': ['type'] };
  const ingress = loadBalancer?.ingress ?? [];
  return [
    ...faultsOf(conditions, list, 'conditions'),
    ...ingress.filter((one) => !isIngress(one)).map((one) => `ingress ${JSON.stringify(one)}`),
  ];
}

/** An `ipMode` requires an address (KEP-1860). */
function isIngress({ ip, ipMode = '', hostname = '' }: Ingress): boolean {
  return ip === undefined ? ipMode === '' && isSubdomain(hostname) : isIP(ip) !== 0 && /^(VIP|Proxy)$/.test(ipMode);
}

interface Event {
  readonly metadata: { readonly generateName: string; readonly namespace: string };
  readonly regarding: { readonly namespace?: string; readonly name: string; readonly uid: string };
  readonly eventTime: string;
  readonly type: string;
  readonly note: string;
  readonly [field: string]: unknown;
}

/**
 * The requirements of `events.k8s.io/v1` (validation of Event in Kubernetes). Lengths are in bytes.
 */
function eventFaults({ metadata, regarding, eventTime, type, ...rest }: Event): readonly string[] {
  const { note, reason, action, reportingController, reportingInstance } = rest;
  const { generateName, namespace } = metadata;
  const words = Object.entries({ reason, action, reportingInstance });
  const isShort = (text: unknown) => typeof text === 'string' && text !== '' && Buffer.byteLength(text) <= 128;
  const named = generateName.replace(/-$/, 'x');
  return [
    ...words.filter(([, text]) => !isShort(text)).map(([word, text]) => `${word} of an Event: "${text}"`),
    ...(Buffer.byteLength(note) > 1_024 ? [`note of an Event: ${Buffer.byteLength(note)} bytes, 1024 at most`] : []),
    ...(isSubdomain(named) ? [] : [`name of an Event: ${generateName.length} characters, 253 at most`]),
    ...(namespace === (regarding.namespace ?? 'default')
      ? []
      : [`an Event in ${namespace} about ${regarding.namespace}`]),
    ...(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(eventTime) ? [] : [`time of an Event: ${eventTime}`]),
    ...(/^(Normal|Warning)$/.test(type) ? [] : [`type of an Event: ${type}`]),
    ...(/^[a-z0-9.-]+\/[A-Za-z0-9._-]{1,63}$/.test(`${reportingController}`)
      ? []
      : [`an Event of ${reportingController}`]),
  ];
}

/** RFC 1123, as Kubernetes checks the names of most objects. */
function isSubdomain(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(label));
}
