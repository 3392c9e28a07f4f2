/** The API paths of each kind of object. */

const berth = '/apis/berth.dev/v1beta1';

/** The path that lists a kind over all namespaces. */
export const collections = {
  services: '/api/v1/services',
  nodes: '/api/v1/nodes',
  namespaces: '/api/v1/namespaces',
  endpointSlices: '/apis/discovery.k8s.io/v1/endpointslices',
  pools: `${berth}/ipaddresspools`,
  advertisements: `${berth}/l2advertisements`,
  allocations: `${berth}/ipallocations`,
} as const;

/** The CRDs. */
export const crdsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** The resource of an API path, by the names of RBAC. */
interface ResourceAt {
  /** Empty for the core group. */
  readonly group: string;
  /** With its subresource, such as `services/status`. */
  readonly resource: string;
  /** One object, not a collection. */
  readonly isOne: boolean;
}

/** The resource of an API path. */
export function resourceAt(path: string): ResourceAt {
  const parts = path.split('/').filter((part) => part !== '');
  const isGrouped = parts[0] === 'apis';
  const rest = parts.slice(isGrouped ? 3 : 2);
  // A namespace is a resource too.
  const [resource = '', name, ...sub] = rest[0] === 'namespaces' && rest.length > 2 ? rest.slice(2) : rest;
  return {
    group: isGrouped ? (parts[1] ?? '') : '',
    resource: [resource, ...sub].join('/'),
    isOne: name !== undefined,
  };
}

/** The Pods of one namespace. */
export function podsPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/pods`;
}

/** One Service. */
export function servicePath({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `/api/v1/namespaces/${namespace}/services/${name}`;
}

/** The Secrets of one namespace. */
export function secretsPath(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/secrets`;
}

/** The Leases of one namespace. */
export function leasesPath(namespace: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
}

/** The Events of one namespace. */
export function eventsPath(namespace: string): string {
  return `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
}

/** The Deployments or DaemonSets of one namespace, or of all. */
export function workloadsPath(kind: 'deployments' | 'daemonsets', namespace?: string): string {
  return `/apis/apps/v1/${namespace === undefined ? '' : `namespaces/${namespace}/`}${kind}`;
}

/** The method and content type of a JSON merge patch (RFC 7396). */
export const mergePatch = { method: 'PATCH', contentType: 'application/merge-patch+json' } as const;
