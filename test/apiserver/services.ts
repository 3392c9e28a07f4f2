/** What the API server changes in a Service by itself: defaults, node ports, and fields that are removed with a change of type. */
import { type ApiObject, type Fields, isFields } from './objects.ts';

const firstNodePort = 30_000;
const nodePorts = 2_768;

interface Spec {
  readonly type?: string;
  readonly loadBalancerClass?: string;
  readonly clusterIP?: string;
  readonly ipFamilies?: readonly string[];
  readonly ipFamilyPolicy?: string;
  readonly externalTrafficPolicy?: string;
  readonly allocateLoadBalancerNodePorts?: boolean;
  readonly ports?: readonly Port[];
  readonly [field: string]: unknown;
}

interface Port {
  readonly name?: string;
  readonly protocol?: string;
  readonly port: number;
  readonly nodePort?: number;
}

interface Status {
  readonly loadBalancer?: { readonly ingress?: readonly Fields[] };
  readonly [field: string]: unknown;
}

/** The Service in the form in which it is stored. */
export function prepareService(
  after: ApiObject,
  { before, serial }: { readonly before: ApiObject | undefined; readonly serial: number },
): ApiObject {
  const former = before?.spec as Spec | undefined;
  const spec = specOf((after.spec ?? {}) as Spec, former, serial);
  return { ...after, spec, status: statusOf((after.status ?? {}) as Status, spec) };
}

function specOf(given: Spec, former: Spec | undefined, serial: number): Spec {
  const { loadBalancerClass, externalTrafficPolicy, allocateLoadBalancerNodePorts, ...rest } = given;
  const type = given.type ?? 'ClusterIP';
  const isBalanced = type === 'LoadBalancer';
  const isExternal = isBalanced || type === 'NodePort';
  const allocates = allocateLoadBalancerNodePorts ?? former?.allocateLoadBalancerNodePorts ?? true;
  const wantsPorts = type === 'NodePort' || (isBalanced && allocates);
  // When the type changes, the class is removed with it, unless the same write changes the class.
  const classStays = isBalanced || loadBalancerClass !== former?.loadBalancerClass;
  return {
    clusterIP: former?.clusterIP ?? `10.96.${(serial >> 8) % 256}.${serial % 256}`,
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    ...rest,
    type,
    ...familiesOf(given),
    ...(isBalanced && { allocateLoadBalancerNodePorts: allocates }),
    ...(isExternal && { externalTrafficPolicy: externalTrafficPolicy ?? 'Cluster' }),
    ...(loadBalancerClass !== undefined && classStays && { loadBalancerClass }),
    ports: (given.ports ?? []).map((port, i) => portOf(port, { former, wantsPorts, serial: serial * 8 + i })),
  };
}

function familiesOf({ ipFamilies, ipFamilyPolicy = 'SingleStack' }: Spec): Spec {
  const first = ipFamilies?.[0] ?? 'IPv4';
  const other = first === 'IPv4' ? 'IPv6' : 'IPv4';
  return { ipFamilyPolicy, ipFamilies: ipFamilyPolicy === 'SingleStack' ? [first] : [first, other] };
}

function portOf(
  port: Port,
  {
    former,
    wantsPorts,
    serial,
  }: { readonly former: Spec | undefined; readonly wantsPorts: boolean; readonly serial: number },
): Port {
  const { nodePort, ...rest } = { protocol: 'TCP', targetPort: port.port, ...port };
  if (!wantsPorts) return rest;
  const same = former?.ports?.find((one) => one.port === port.port && one.protocol === rest.protocol);
  return { ...rest, nodePort: nodePort ?? same?.nodePort ?? firstNodePort + (serial % nodePorts) };
}

/** A Service that is not (or no longer) of type LoadBalancer has no load balancer address in its status. */
function statusOf(status: Status, { type }: Spec): Status {
  if (type !== 'LoadBalancer') return { ...status, loadBalancer: {} };
  const { ingress = [], ...rest } = isFields(status.loadBalancer) ? status.loadBalancer : {};
  if (ingress.length === 0) return { ...status, loadBalancer: rest };
  return {
    ...status,
    loadBalancer: { ...rest, ingress: ingress.map((one) => (one.ip === undefined ? one : { ipMode: 'VIP', ...one })) },
  };
}
