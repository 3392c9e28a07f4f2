/** The kinds of objects that tests read and write, and their paths on the API server. */

/** The group and version of each kind. Kinds without a namespace are in {@link clusterWide}. */
const versions = {
  configmaps: 'v1',
  events: 'v1',
  namespaces: 'v1',
  nodes: 'v1',
  pods: 'v1',
  secrets: 'v1',
  services: 'v1',
  daemonsets: 'apps/v1',
  deployments: 'apps/v1',
  leases: 'coordination.k8s.io/v1',
  endpointslices: 'discovery.k8s.io/v1',
  customresourcedefinitions: 'apiextensions.k8s.io/v1',
  validatingwebhookconfigurations: 'admissionregistration.k8s.io/v1',
  ipaddresspools: 'berth.dev/v1beta1',
  ipallocations: 'berth.dev/v1beta1',
  l2advertisements: 'berth.dev/v1beta1',
} as const;

/** The plural name of a kind. */
export type Resource = keyof typeof versions;

const clusterWide: readonly Resource[] = [
  'namespaces',
  'nodes',
  'customresourcedefinitions',
  'validatingwebhookconfigurations',
  'ipaddresspools',
  'ipallocations',
  'l2advertisements',
];

/** The path of an object, or of all objects of a kind. The namespace is `default` if none is named. */
export function pathOf(
  resource: Resource,
  where: { readonly namespace?: string; readonly name?: string } = {},
): string {
  const { namespace = 'default', name } = where;
  const scope = clusterWide.includes(resource) ? '' : `/namespaces/${namespace}`;
  return `${groupPath(versions[resource])}${scope}/${resource}${name === undefined ? '' : `/${name}`}`;
}

/** The path of the kinds of an `apiVersion`. */
export function groupPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}
