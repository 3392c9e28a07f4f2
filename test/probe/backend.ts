/** What a prober asks: backends on every node, and the Service in front of them. */

/** Ports of the Service that {@link probed} makes. */
export const ports = { http: 80, echo: 81 };

/** How the Service is to be served; by default as Kubernetes and Berth do it by themselves. */
export interface Serving {
  readonly policy?: 'Cluster' | 'Local';
  readonly handOff?: 'KubeProxy' | 'NodePort';
  /** A Deployment with a second backend on most nodes, which can be rolled while those of the DaemonSet stay. */
  readonly second?: boolean;
}

/**
 * It answers requests on one port and sends everything back on the other, where it says first which Pod it is, on which node, and from
 * which address the client seems to come.
 */
const program = `const { createServer } = require('node:net');
const { hostname } = require('node:os');
const answer = 'HTTP/1.0 200 OK\\r\\n\\r\\n' + hostname() + '\\n';
createServer((s) => s.on('error', () => {}).once('data', () => s.end(answer))).listen(8080, '::');
createServer((s) => {
  s.on('error', () => {}).write([hostname(), process.env.NODE, s.remoteAddress].join(' ') + '\\n');
  s.pipe(s);
}).listen(8081, '::');`;

/** A DaemonSet of backends, and a Service of type LoadBalancer in front of them, of this name. */
export function probed(name: string, serving: Serving = {}): string {
  const { policy = 'Cluster', handOff, second = false } = serving;
  const annotations = handOff === undefined ? '{}' : `{ berth.dev/hand-off: ${handOff} }`;
  return [
    workload('DaemonSet', name, { name, part: 'first' }),
    ...(second ? [workload('Deployment', secondName(name), { name, part: 'second' })] : []),
    service(name, { backends: name, policy, annotations }),
  ].join('---');
}

/** One more Service in front of the backends that {@link probed} has made under a name: a VIP without a past. */
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

/** The name of the Deployment. */
export function secondName(name: string): string {
  return `${name}-second`;
}

/** Its Pods serve on for so long after their end has been announced, as those of well-behaved applications do. */
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
