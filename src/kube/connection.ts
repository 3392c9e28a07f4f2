/** How to reach the API server: in a Pod by its service account, elsewhere by a kubeconfig. */
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';

/** A server, how to verify it, and how to authenticate. */
export interface Connection {
  readonly server: URL;
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;
  /** The headers that authenticate a request. They are read before each request, because tokens are rotated. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Kubernetes renews projected tokens when 80 % of their hour is over, so a token may be one minute old. */
const credentialLifetimeMs = 60_000;

/** The connection that a kubeconfig describes, or that of the Pod if none is given. Throws if there is neither. */
export function connect(kubeconfig: string | undefined): Promise<Connection> {
  return kubeconfig === undefined ? fromServiceAccount() : fromKubeconfig(kubeconfig);
}

async function fromServiceAccount(): Promise<Connection> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = process.env;
  if (host === undefined) throw new Error('not running in a cluster: set --kubeconfig FILE');
  return {
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    tls: { ca: await readFile(`${serviceAccount}/ca.crt`) },
    headers: cached(async () => {
      const token = await readFile(`${serviceAccount}/token`, 'utf8');
      return { authorization: `Bearer ${token.trim()}` };
    }),
  };
}

/**
 * The official client reads the file, because it supports every way to log in (certificates, exec plugins, OIDC). It is loaded only
 * if needed.
 */
async function fromKubeconfig(file: string): Promise<Connection> {
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const config = new KubeConfig();
  config.loadFromFile(file);
  if (config.getCurrentCluster() === null) throw new Error(`kubeconfig ${file} has no current cluster`);
  return connectBy(config);
}

/** The connection to the current cluster of a parsed configuration. */
export async function connectBy(config: KubeConfig): Promise<Connection> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig has no current cluster');
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  return {
    server: new URL(cluster.server),
    tls: withoutUndefined({ ca, cert, key, rejectUnauthorized, servername }),
    headers: cached(async () => {
      const fresh: RequestOptions = {};
      await config.applyToHTTPSOptions(fresh);
      const basic = typeof fresh.auth === 'string' ? basicAuth(fresh.auth) : {};
      return { ...(fresh.headers as Record<string, string> | undefined), ...basic };
    }),
  };
}

function basicAuth(credentials: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

function withoutUndefined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

function cached<T>(read: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | undefined;
  let until = 0;
  return () => {
    if (value === undefined || performance.now() > until) {
      value = read();
      value.catch(() => (value = undefined));
      until = performance.now() + credentialLifetimeMs;
    }
    return value;
  };
}
