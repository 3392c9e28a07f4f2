/**
 * Counts the controller's own requests, exactly and without touching them: the API server counts the requests of every FlowSchema, and
 * those of the controller's service account get FlowSchemas of their own here, one per kind of request. Their priority level is the one
 * that the account's requests have without them.
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

/** Kinds of requests: each holds what the ones before it leave. */
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

/** Numbers of requests, by kind. */
export type Requests = Readonly<Record<Kind, number>>;

const kinds = Object.keys(rules) as readonly Kind[];
const prefix = 'bench-';
/** Before Kubernetes' own, from 800 on, that would match. */
const firstPrecedence = 500;
const metric = new RegExp(
  `^apiserver_flowcontrol_dispatched_requests_total\\{flow_schema="${prefix}(\\w+)"[^}]*\\} (\\S+)`,
  'gm',
);

/** From now on, what this service account asks is counted. */
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

/** How many there were so far. */
export async function requestsSoFar(api: Api): Promise<Requests> {
  const counts = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  for (const [, kind, count] of (await api.call({ path: '/metrics' })).matchAll(metric))
    counts[kind as Kind] = Number(count);
  return counts;
}

/** How many there were since `before`. */
export function since(before: Requests, now: Requests): Requests {
  return Object.fromEntries(kinds.map((kind) => [kind, now[kind] - before[kind]])) as Requests;
}

/** All writes but those of the Lease. */
export function writesOf(requests: Requests): number {
  const { ledger, status, pools, events, otherwrites } = requests;
  return ledger + status + pools + events + otherwrites;
}

/** Each kind that there was, in words: `12 ledger, 3 reads`. */
export function inWords(requests: Requests, unit = 1): string {
  const some = kinds.filter((kind) => requests[kind] > 0);
  const number = (kind: Kind) => (unit === 1 ? String(requests[kind]) : (requests[kind] / unit).toFixed(2));
  return some.map((kind) => `${number(kind)} ${kind}`).join(', ') || 'none';
}
