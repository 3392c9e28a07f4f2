/** The rights of a service account in the API server, and the rights that it used by the audit log. */
import { readFileSync } from 'node:fs';
import type { KubeClient } from '../../src/kube/client.ts';
import type { AuditRecord } from '../lab/audit.ts';

/** One right: a verb on a kind of object, in one namespace or in all, for one name or for any. */
export interface Grant {
  readonly namespace: string | undefined;
  readonly verb: string;
  /** `resource.group/subresource`, without the parts that are empty. */
  readonly resource: string;
  readonly name: string | undefined;
}

interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Binding {
  readonly metadata: { readonly namespace?: string };
  readonly roleRef: { readonly kind: 'Role' | 'ClusterRole'; readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[];
}

const rbac = '/apis/rbac.authorization.k8s.io/v1';

/** All rights that bindings give to a service account by its name. */
export async function grantsOf(
  client: KubeClient,
  account: { readonly namespace: string; readonly name: string },
): Promise<readonly Grant[]> {
  const kinds = ['clusterrolebindings', 'rolebindings'];
  const lists = kinds.map((kind) => client.json<{ readonly items: readonly Binding[] }>({ path: `${rbac}/${kind}` }));
  const bindings = (await Promise.all(lists)).flatMap(({ items }) => items);
  const isOurs = ({ subjects = [] }: Binding) =>
    subjects.some(
      ({ kind, name, namespace }) =>
        kind === 'ServiceAccount' && name === account.name && namespace === account.namespace,
    );
  const rules = bindings.filter(isOurs).map(async ({ metadata: { namespace }, roleRef }) => {
    const scope = roleRef.kind === 'Role' ? `namespaces/${namespace}/roles` : 'clusterroles';
    const role = await client.json<{ readonly rules: readonly Rule[] }>({ path: `${rbac}/${scope}/${roleRef.name}` });
    return role.rules.flatMap((rule) => expanded(rule, namespace));
  });
  return (await Promise.all(rules)).flat();
}

function expanded(rule: Rule, namespace: string | undefined): readonly Grant[] {
  const { apiGroups = [], resources = [], resourceNames = [undefined], verbs } = rule;
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      resourceNames.flatMap((name) =>
        verbs.map((verb) => ({ namespace, verb, resource: resourceOf(group, resource), name })),
      ),
    ),
  );
}

function resourceOf(group: string, resource: string): string {
  const [kind = '', ...rest] = resource.split('/');
  return [group === '' ? kind : `${kind}.${group}`, ...rest].join('/');
}

/** The right that a request used. */
export function useOf({ verb, objectRef: ref }: AuditRecord): Grant {
  if (ref === undefined) return { namespace: undefined, verb, resource: 'no resource', name: undefined };
  const resource = ref.subresource === undefined ? ref.resource : `${ref.resource}/${ref.subresource}`;
  return { namespace: ref.namespace, verb, resource: resourceOf(ref.apiGroup ?? '', resource), name: ref.name };
}

/** Whether a right covers a use. */
export function covers(grant: Grant, use: Grant): boolean {
  const isInScope = grant.namespace === undefined || grant.namespace === use.namespace;
  const isName = grant.name === undefined || grant.name === use.name;
  return isInScope && isName && grant.verb === use.verb && grant.resource === use.resource;
}

/** The rights of a role in docs/security.md, as lines of {@link grantText}. */
export function documented(role: string): readonly string[] {
  const text = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
  const rows = [
    ...text.matchAll(/^\| (\w+) \| `([\w./]+)` \| ([\w, ]+) \| (cluster|namespace)(?:, `([\w., -]+)`)? \| .+ \|$/gm),
  ];
  const lines = rows
    .filter(([, who]) => who === role)
    .flatMap(([, , resource = '', verbs = '', scope, names = '']) =>
      verbs.split(', ').flatMap((verb) =>
        names.split(', ').map((name) => {
          const where = scope === 'namespace' ? 'berth-system' : undefined;
          return grantText({ namespace: where, verb, resource, name: name || undefined });
        }),
      ),
    );
  return lines.sort();
}

/** A right as one line. */
export function grantText({ namespace, verb, resource, name }: Grant): string {
  return [verb, resource, name, namespace === undefined ? undefined : `in ${namespace}`].filter(Boolean).join(' ');
}
