/** The kinds that the API server knows: their paths, how they are merged, and which fields it sets by itself. */
import type { Shape } from './fields.ts';
import type { ApiObject, Fields } from './objects.ts';
import { prepareService } from './services.ts';

/** How the API server completes an object before it is stored. `serial` is a different number in each call. */
export type Prepare = (
  after: ApiObject,
  context: { readonly before: ApiObject | undefined; readonly serial: number; readonly now: number },
) => ApiObject;

/** One kind. */
export interface Kind {
  /** The path of all its objects in all namespaces. */
  readonly collection: string;
  readonly kind: string;
  readonly apiVersion: string;
  /** The name of the kind in messages: `services`, `ipallocations.berth.dev`. */
  readonly resource: string;
  readonly isNamespaced: boolean;
  readonly hasStatus: boolean;
  /** Whether an update without a version is refused. */
  readonly needsVersion: boolean;
  /** Whether `metadata.generation` counts the changes of the spec. */
  readonly hasGeneration: boolean;
  readonly shape: Shape;
  readonly prepare?: Prepare;
}

const metadata: Shape = { fields: { finalizers: { isSet: true }, ownerReferences: { keys: ['uid'] } } };
const conditions: Shape = { keys: ['type'] };
const withConditions: Shape = { fields: { metadata, status: { fields: { conditions } } } };

const serviceShape: Shape = {
  fields: {
    metadata,
    spec: { fields: { selector: { isWhole: true }, ports: { keys: ['port', 'protocol'] } } },
    // `ingress` is atomic: it is one value.
    status: { fields: { conditions } },
  },
};

const poolShape: Shape = {
  fields: {
    metadata,
    spec: { fields: { addresses: { isSet: true }, exclude: { isSet: true } } },
    status: { fields: { conditions } },
  },
};

interface Facts {
  readonly shape?: Shape;
  readonly cluster?: true;
  readonly noStatus?: true;
  readonly prepare?: Prepare;
}

function kindOf(group: string, version: string, named: { kind: string; plural: string } & Facts): Kind {
  const { kind, plural, shape = withConditions, cluster, noStatus, prepare } = named;
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const isCustom = group === 'berth.dev';
  return {
    ...{ kind, apiVersion, shape, isNamespaced: !cluster, hasStatus: !noStatus },
    collection: `${group === '' ? '/api' : '/apis'}/${apiVersion}/${plural}`,
    resource: group === '' ? plural : `${plural}.${group}`,
    needsVersion: isCustom || kind === 'Lease',
    hasGeneration: isCustom || group === 'apps',
    ...(prepare && { prepare }),
  };
}

const cluster = true;
const noStatus = true;

/** A Secret may be written in plain text (`stringData`), and is stored in base64. */
const prepareSecret: Prepare = (after) => {
  const { stringData, data, ...rest } = after;
  if (stringData === undefined) return after;
  const encoded = Object.entries(stringData as Fields).map(([key, text]) => [
    key,
    Buffer.from(`${text}`).toString('base64'),
  ]);
  return { ...rest, data: { ...(data as Fields | undefined), ...Object.fromEntries(encoded) } } as ApiObject;
};

const all: readonly Kind[] = [
  kindOf('', 'v1', { kind: 'Service', plural: 'services', shape: serviceShape, prepare: prepareService }),
  kindOf('', 'v1', { kind: 'Node', plural: 'nodes', cluster }),
  kindOf('', 'v1', { kind: 'Namespace', plural: 'namespaces', cluster }),
  kindOf('', 'v1', { kind: 'Pod', plural: 'pods' }),
  kindOf('', 'v1', { kind: 'Secret', plural: 'secrets', noStatus, prepare: prepareSecret }),
  kindOf('discovery.k8s.io', 'v1', { kind: 'EndpointSlice', plural: 'endpointslices', noStatus }),
  kindOf('coordination.k8s.io', 'v1', { kind: 'Lease', plural: 'leases', noStatus }),
  kindOf('events.k8s.io', 'v1', { kind: 'Event', plural: 'events', noStatus }),
  kindOf('apps', 'v1', { kind: 'Deployment', plural: 'deployments' }),
  kindOf('apps', 'v1', { kind: 'DaemonSet', plural: 'daemonsets' }),
  kindOf('apiextensions.k8s.io', 'v1', {
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    cluster,
  }),
  kindOf('berth.dev', 'v1beta1', { kind: 'IPAddressPool', plural: 'ipaddresspools', cluster, shape: poolShape }),
  kindOf('berth.dev', 'v1beta1', { kind: 'L2Advertisement', plural: 'l2advertisements', cluster }),
  kindOf('berth.dev', 'v1beta1', { kind: 'IPAllocation', plural: 'ipallocations', cluster }),
];

/** All kinds, by the path of all their objects. */
export const kinds: ReadonlyMap<string, Kind> = new Map(all.map((kind) => [kind.collection, kind]));

/** The kind, object and subresource that a path names. */
export interface Target {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string;
}

/** The target of a path; undefined if the API server does not know the path. */
export function targetOf(path: string): Target | undefined {
  const parts = path.split('/').slice(1);
  const head = parts.splice(0, parts[0] === 'apis' ? 3 : 2);
  // Namespaces are a resource too, so a path may also end with the name of a namespace.
  const namespace = parts[0] === 'namespaces' && parts.length > 2 ? parts.splice(0, 2)[1] : undefined;
  const isStatusOfNamespace = namespace !== undefined && parts[0] === 'status' && parts.length === 1;
  const [plural = '', name, subresource = '', ...more] = isStatusOfNamespace
    ? ['namespaces', namespace, 'status']
    : parts;
  const kind = kinds.get(`/${[...head, plural].join('/')}`);
  if (kind === undefined || more.length > 0) return undefined;
  if (subresource !== '' && !(subresource === 'status' && kind.hasStatus)) return undefined;
  if (namespace !== undefined && !kind.isNamespaced && !isStatusOfNamespace) return undefined;
  if (kind.isNamespaced && namespace === undefined && name !== undefined) return undefined;
  return { kind, namespace: isStatusOfNamespace ? undefined : namespace, name, subresource };
}
