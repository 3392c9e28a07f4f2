/** A real Ingress controller, Skipper, with two backends behind it, for two hosts with two paths each. */
import type { Lab } from '../lab/cluster.ts';
import { skipperImage, skipperName } from '../lab/skipper.ts';

/** The namespace of the backends and the Ingress: tests remove all Services of the default namespace. */
const namespace = 'ingress-test';

/** The backends. A Pod answers its own name, which begins with the name of its backend. */
export const backendNames = ['red', 'blue'] as const;

/** The backend for each host and path. agnhost answers its name on both paths, so the answer shows which backend got the request. */
export const routes: readonly { readonly host: string; readonly path: string; readonly backend: string }[] = [
  { host: 'one.example', path: '/hostname', backend: 'red' },
  { host: 'one.example', path: '/hostName', backend: 'blue' },
  { host: 'two.example', path: '/hostname', backend: 'blue' },
  { host: 'two.example', path: '/hostName', backend: 'red' },
];

/** The path on which a backend reports the address that the controller got the request from. */
export const forwardedPath = '/header?key=X-Forwarded-For';

/** Installs the controller on two nodes, the backends and the Ingress, and waits until all Pods are ready. */
export async function installIngress(lab: Lab): Promise<void> {
  await lab.loadImage(await skipperImage((line) => console.error(line)));
  await lab.apply([account, controller, ...backendNames.map(backend), ingress()].join('\n---\n'));
  await lab.rolledOut('deployment/ingress');
  for (const name of backendNames) {
    await lab.rolledOut(`deployment/${name}`, { namespace: namespace });
  }
}

/** Removes everything that {@link installIngress} created. */
export async function removeIngress(lab: Lab): Promise<void> {
  const selector = ['--selector', 'test=ingress', '--ignore-not-found'];
  await lab.kubectl(['delete', 'deployments,serviceaccounts', ...selector]);
  await lab.kubectl(['delete', 'namespaces,clusterroles,clusterrolebindings', ...selector]);
}

const account = `
apiVersion: v1
kind: Namespace
metadata: { name: ${namespace}, labels: { test: ingress } }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: ingress, labels: { test: ingress } }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: test-ingress, labels: { test: ingress } }
rules:
  - { apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [list] }
  - { apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list] }
  - { apiGroups: [""], resources: [services], verbs: [list] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: test-ingress, labels: { test: ingress } }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: test-ingress }
subjects: [{ kind: ServiceAccount, name: ingress, namespace: default }]
`;

const controller = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ingress, labels: { test: ingress } }
spec:
  replicas: 2
  selector: { matchLabels: { app: ingress } }
  template:
    metadata: { labels: { app: ingress } }
    spec:
      serviceAccountName: ingress
      topologySpreadConstraints:
        - { maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: { matchLabels: { app: ingress } } }
      containers:
        - name: ingress
          image: ${skipperName}
          imagePullPolicy: Never
          args:
            - -kubernetes
            - -kubernetes-in-cluster
            - -enable-kubernetes-endpointslices
            - -kubernetes-https-redirect=false
            - -forwarded-headers=X-Forwarded-For
            - -source-poll-timeout=500
            - -wait-first-route-load
            - -wait-for-healthcheck-interval=1s
          readinessProbe: { httpGet: { path: /kube-system/healthz, port: 9090 }, periodSeconds: 1 }
`;

function backend(name: string): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      containers:
        - name: ${name}
          image: localhost/agnhost:lab
          imagePullPolicy: Never
          args: [netexec, --http-port=8080]
          readinessProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { selector: { app: ${name} }, ports: [{ port: 80, targetPort: 8080 }] }
`;
}

function ingress(): string {
  const path = (at: string, name: string) => ({
    path: at,
    pathType: 'Prefix',
    backend: { service: { name, port: { number: 80 } } },
  });
  const rules = [...new Set(routes.map(({ host }) => host))].map((host) => {
    const own = routes.filter((route) => route.host === host).map((route) => path(route.path, route.backend));
    return { host, http: { paths: [...own, path('/header', backendNames[0])] } };
  });
  return `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: test, namespace: ${namespace} }
spec: { rules: ${JSON.stringify(rules)} }
`;
}
