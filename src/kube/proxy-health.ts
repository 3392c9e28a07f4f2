/** What kube-proxy on this node says of its rules at its health endpoint (`--healthz-bind-address`). */
import { get } from 'node:http';
import type { Family } from '../addr/ip.ts';

const url = 'http://127.0.0.1:10256/healthz';
const timeoutMs = 500;

/** When it wrote the rules of a family last, milliseconds since 1970, and whether it says that it is up to date. */
type Sync = Readonly<Partial<Record<Family, { readonly at: number; readonly isHealthy: boolean }>>>;

/** What it says of each family; undefined where there is no kube-proxy, or an older one (before 1.31) that does not say. */
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

/** The times and verdicts in the answer of kube-proxy's health endpoint; undefined where there are none. */
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
