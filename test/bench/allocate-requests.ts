/**
 * Counts the controller's own requests exactly, without changing them. The API server counts the requests of every FlowSchema. So the
 * controller's service account gets a FlowSchema for each kind of request. They have the same priority level that the account's requests
 * have without them.
 */
import { eventually } from '../lab/cluster.ts';
import type { Api } from './allocate-api.ts';

const writes = ['create', 'update', 'patch', 'delete', 'deletecollection'];
const all = ['*'];

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
}

/** The kinds of requests. A kind matches only the requests that no earlier kind matches. */
const rules = {
  lease: { verbs: all, apiGroups: ['coordination.k8s.io'], resources: ['leases'] },
  ledger: { verbs: writes, apiGroups: ['berth.dev'], resources: ['ipallocations'] },
  status: { verbs: writes, apiGroups: [''], resources: ['services/status'] },
  pools: { verbs: writes, apiGroups: ['berth.dev'], resources: ['ipaddresspools/status'] },
  events: { verbs: writes, apiGroups: ['', 'events.k8s.io'], resources: ['events'] },
  otherwrites: { verbs: writes, apiGroups: all, resources: all },
  watches: { verbs: ['watch'], apiGroups: all, resources: all },
  reads: { verbs: all, apiGroups: all, resources: all },
} satisfies Record<string, Rule>;

type Kind = keyof typeof rules;

/** The number of requests of each kind. */
export type Requests = Readonly<Record<Kind, number>>;

const kinds = Object.keys(rules) as readonly Kind[];
const prefix = 'bench-';
/** Before Kubernetes' own matching FlowSchemas, which start at 800. */
const firstPrecedence = 500;
const metric = new RegExp(
  `^apiserver_flowcontrol_dispatched_requests_total\\{flow_schema="${prefix}(\\w+)"[^}]*\\} (\\S+)`,
  'gm',
);

/** Counts the requests of this service account from now on. */
export async function countRequestsOf(api: Api, serviceAccount: { name: string; namespace: string }): Promise<void> {
  const path = '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas';
  for (const [index, kind] of kinds.entries()) {
    const rule = { ...rules[kind], namespaces: all, clusterScope: true };
    const body = {
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'FlowSchema',
      metadata: { name: prefix + kind },
      spec: {
        matchingPrecedence: firstPrecedence + index,
        priorityLevelConfiguration: { name: 'workload-low' },
        distinguisherMethod: { type: 'ByUser' },
        rules: [{ subjects: [{ kind: 'ServiceAccount', serviceAccount }], resourceRules: [rule] }],
      },
    };
    await api.call({ method: 'POST', path, body });
  }
  for (const kind of kinds) {
    await eventually(`FlowSchema ${prefix}${kind} in use`, async () =>
      /"type":"Dangling","status":"False"/.test(await api.call({ path: `${path}/${prefix}${kind}` })),
    );
  }
}

/** Returns the number of requests so far. */
export async function requestsSoFar(api: Api): Promise<Requests> {
  const counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  for (const [, kind, count] of (await api.call({ path: '/metrics' })).matchAll(metric))
    counts[kind as Kind] = Number(count);
  return counts;
}

/** Returns the number of requests since `before`. */
export function since(before: Requests, now: Requests): Requests {
  return Object.fromEntries(kinds.map((kind) => [kind, now[kind] - before[kind]])) as Requests;
}

/** Returns the number of all writes except those of the Lease. */
export function writesOf(requests: Requests): number {
  const { ledger, status, pools, events, otherwrites } = requests;
  return ledger + status + pools + events + otherwrites;
}

/** Lists the kinds that occurred: `12 ledger, 3 reads`. */
export function inWords(requests: Requests, unit = 1): string {
  const some = kinds.filter((kind) => requests[kind] > 0);
  const number = (kind: Kind) => (unit === 1 ? String(requests[kind]) : (requests[kind] / unit).toFixed(2));
  return some.map((kind) => `${number(kind)} ${kind}`).join(', ') || 'none';
}
