/** How to reach the API server: in a Pod by its service account, elsewhere by a kubeconfig. */
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';

/** How to verify a server, and how to authenticate a request to it. */
export interface Credentials {
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;
  readonly headers: Readonly<Record<string, string>>;
}

/** A server, and how to reach it. */
export interface Connection {
  readonly server: URL;
  /** Returns the credentials for the next request. They change: tokens, certificates and authorities are replaced. */
  readonly credentials: () => Promise<Credentials>;
  /** Reads the credentials again for the next request, because they were not accepted. */
  readonly renew?: () => void;
  /** The proxies, by the names of the environment's variables: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`. The default is none. */
  readonly proxies?: Readonly<NodeJS.ProcessEnv>;
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
    proxies: process.env,
    ...(await renewed(async () => {
      const token = await readFile(`${serviceAccount}/token`, 'utf8');
      const ca = await readFile(`${serviceAccount}/ca.crt`, 'utf8');
      return { tls: { ca }, headers: { authorization: `Bearer ${token.trim()}` } };
    })),
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
  return {
    server: new URL(cluster.server),
    proxies: proxiesOf(cluster.proxyUrl),
    ...(await renewed(async () => {
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options);
      const { ca, cert, key, rejectUnauthorized, servername, auth } = options;
      const basic = typeof auth === 'string' ? basicAuth(auth) : {};
      const headers = { ...(options.headers as Record<string, string> | undefined), ...basic };
      return { tls: withoutUndefined({ ca, cert, key, rejectUnauthorized, servername }), headers };
    })),
  };
}

/** As in kubectl: the proxy that the kubeconfig names, for any address; otherwise those of the environment. */
function proxiesOf(url: string | undefined): NodeJS.ProcessEnv {
  if (url === undefined || url === '') return process.env;
  if (!/^https?:\/\//.test(url))
    throw new Error(`the kubeconfig's proxy-url ${url} is not supported: it must begin with http:// or https://`);
  return { HTTPS_PROXY: url, HTTP_PROXY: url };
}

function basicAuth(credentials: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

function withoutUndefined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

/** Reads credentials at once, and again when they are old or were not accepted. */
async function renewed(read: () => Promise<Credentials>): Promise<Required<Pick<Connection, 'credentials' | 'renew'>>> {
  let known: Promise<Credentials> | undefined;
  let until = 0;
  const renew = () => {
    known = undefined;
  };
  const credentials = () => {
    if (known === undefined || performance.now() > until) {
      known = read();
      known.catch(renew);
      until = performance.now() + credentialLifetimeMs;
    }
    return known;
  };
  await credentials();
  return { credentials, renew };
}
