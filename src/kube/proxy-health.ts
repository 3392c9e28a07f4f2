/** Reads from kube-proxy on this node when it last wrote its rules, at its health endpoint (`--healthz-bind-address`). */
import { get } from 'node:http';
import type { Family } from '../addr/ip.ts';

const url = 'http://127.0.0.1:10256/healthz';
const timeoutMs = 500;

/** When kube-proxy last wrote the rules of a family, in milliseconds since 1970, and whether it reports that they are up to date. */
type Sync = Readonly<Partial<Record<Family, { readonly at: number; readonly isHealthy: boolean }>>>;

/** The state of each family; undefined if there is no kube-proxy, or if it is older than 1.31 and does not report this. */
export function readProxySync(): Promise<Sync | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { timeout: timeoutMs, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve(parseProxyHealth(text)));
      response.on('error', () => resolve(undefined));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}

/** Parses the answer of kube-proxy's health endpoint; undefined if it contains no times. */
export function parseProxyHealth(text: string): Sync | undefined {
  try {
    const { status } = JSON.parse(text) as { status?: Readonly<Record<string, FamilyStatus>> };
    const found = (['IPv4', 'IPv6'] as const).flatMap((family) => {
      const { lastUpdated = '', healthy = false } = status?.[family] ?? {};
      const at = Date.parse(lastUpdated);
      return Number.isNaN(at) ? [] : [[family, { at, isHealthy: healthy }] as const];
    });
    return found.length === 0 ? undefined : Object.fromEntries(found);
  } catch {
    return undefined;
  }
}

interface FamilyStatus {
  readonly lastUpdated?: string;
  readonly healthy?: boolean;
}
