/** The objects of the rows: the Deployments that all rows share, and Pods of their own. */

/** A Kubernetes object, with the fields that are written here. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** Options for the Pods of a Deployment. */
export interface PodOptions {
  readonly replicas?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly containers: readonly unknown[];
  /** More fields of the Pod's spec. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** The Deployments that all rows share. */
export const shared = { web: 'promise-web', single: 'promise-single' } as const;

/** The label that the Pods of both shared Deployments carry. */
export const namedPort = { 'promise-named': 'http' } as const;

/** The answer of the second container in the Pods of `web` to every request. */
export const secondAnswer = 'second';

const image = { image: 'localhost/agnhost:lab', imagePullPolicy: 'Never' };

/**
 * A container that answers the Pod's name and the client's address: over HTTP on a port named `http`, and over UDP on the
 * next port, named `dns`. The second argument has more fields.
 */
export function netexec(
  port: number,
  { args = [], ...more }: Readonly<Record<string, unknown>> & { readonly args?: readonly string[] } = {},
): unknown {
  return {
    name: 'web',
    ...image,
    args: ['netexec', `--http-port=${port}`, `--udp-port=${port + 1}`, ...args],
    ports: [
      { name: 'http', containerPort: port },
      { name: 'dns', containerPort: port + 1, protocol: 'UDP' },
    ],
    readinessProbe: { httpGet: { path: '/healthz', port }, periodSeconds: 1 },
    ...more,
  };
}

/** A Deployment whose Pods carry the label `app` with its name, one per node if possible. */
export function deployment(name: string, { replicas = 1, labels = {}, containers, spec = {} }: PodOptions): Manifest {
  const matchLabels = { app: name };
  const spread = { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels },
      template: {
        metadata: { labels: { ...matchLabels, ...labels } },
        spec: {
          tolerations: [{ operator: 'Exists' }],
          topologySpreadConstraints: [{ ...spread, labelSelector: { matchLabels } }],
          containers,
          ...spec,
        },
      },
    },
  };
}

/** Three Pods with two servers each, and one Pod alone that gives the name `http` to another port. */
export const sharedDeployments: readonly Manifest[] = [
  deployment(shared.web, {
    replicas: 3,
    labels: namedPort,
    containers: [
      netexec(8080),
      netexec(9090, { name: 'second', ports: [], args: [`--http-override=/echo?msg=${secondAnswer}`] }),
    ],
  }),
  deployment(shared.single, { labels: namedPort, containers: [netexec(7070)] }),
];
