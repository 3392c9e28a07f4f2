/** The target of a prober: backends on every node, and the Service in front of them. */

/** Ports of the Service that {@link probed} makes. */
export const ports = { http: 80, echo: 81 };

/** How the Service must be served. The defaults are those of Kubernetes and Berth. */
export interface Serving {
  readonly policy?: 'Cluster' | 'Local';
  readonly handOff?: 'KubeProxy' | 'NodePort';
  /** Adds a Deployment with a second backend on most nodes. It can be rolled out again while the DaemonSet's Pods stay. */
  readonly second?: boolean;
}

/**
 * The program of a backend. On one port it answers requests. On the other port it sends back every byte; its first
 * line names the Pod, the node, and the address that the client has from its view.
 */
const program = `const { createServer } = require('node:net');
const { hostname } = require('node:os');
const answer = 'HTTP/1.0 200 OK\\r\\n\\r\\n' + hostname() + '\\n';
createServer((s) => s.on('error', () => {}).once('data', () => s.end(answer))).listen(8080, '::');
createServer((s) => {
  s.on('error', () => {}).write([hostname(), process.env.NODE, s.remoteAddress].join(' ') + '\\n');
  s.pipe(s);
}).listen(8081, '::');`;

/** Matches the command lines of the backends, but not its own (grep(1)). */
export const podsOfProbed = '^node -e const { createServer[ ]}';

/** A DaemonSet of backends, and a Service of type LoadBalancer in front of them. Both have this name. */
export function probed(name: string, serving: Serving = {}): string {
  const { policy = 'Cluster', handOff, second = false } = serving;
  const annotations = handOff === undefined ? '{}' : `{ berth.dev/hand-off: ${handOff} }`;
  return [
    workload('DaemonSet', name, { name, part: 'first' }),
    ...(second ? [workload('Deployment', secondName(name), { name, part: 'second' })] : []),
    service(name, { backends: name, policy, annotations }),
  ].join('---');
}

/** Another Service in front of the backends that {@link probed} made under a name. Its VIP has no history. */
export function another(name: string, backends: string): string {
  return service(name, { backends, policy: 'Cluster', annotations: '{}' });
}

interface ServiceParts {
  readonly backends: string;
  readonly policy: 'Cluster' | 'Local';
  readonly annotations: string;
}

function service(name: string, { backends, policy, annotations }: ServiceParts): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, annotations: ${annotations} }
spec:
  type: LoadBalancer
  externalTrafficPolicy: ${policy}
  selector: { probed: ${backends} }
  ports: [{ name: http, port: ${ports.http}, targetPort: 8080 }, { name: echo, port: ${ports.echo}, targetPort: 8081 }]
`;
}

/** The name of the Deployment with the second backends. */
export function secondName(name: string): string {
  return `${name}-second`;
}

/** The Deployment's Pods continue to serve for this time after SIGTERM, as well-behaved applications do. */
const graceSeconds = 3;

interface Labels {
  readonly name: string;
  readonly part: string;
}

function workload(kind: 'DaemonSet' | 'Deployment', name: string, labels: Labels): string {
  const text = `{ probed: ${labels.name}, part: ${labels.part} }`;
  return `
apiVersion: apps/v1
kind: ${kind}
metadata: { name: ${name} }
spec:
  ${kind === 'Deployment' ? 'replicas: 3' : ''}
  selector: { matchLabels: ${text} }
  template:
    metadata: { labels: ${text} }
    spec:
      terminationGracePeriodSeconds: ${kind === 'Deployment' ? graceSeconds : 0}
      tolerations: [{ operator: Exists }]
      containers:
        - name: echo
          image: localhost/node:lab-base
          imagePullPolicy: Never
          command: [node, -e, ${JSON.stringify(program)}]
          env: [{ name: NODE, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }]
          readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }
`;
}
