/** When kube-proxy on this node wrote its rules last, as its health endpoint tells (`--healthz-bind-address`). */
import { get } from 'node:http';
import type { Family } from '../addr/ip.ts';

const url = 'http://127.0.0.1:10256/healthz';
const timeoutMs = 500;

/** Milliseconds since 1970 for each family; undefined where there is no kube-proxy, or an older one (before 1.31) that does not say. */
export function readProxySync(): Promise<Readonly<Partial<Record<Family, number>>> | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { timeout: timeoutMs, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve(parse(text)));
      response.on('error', () => resolve(undefined));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}

function parse(text: string): Readonly<Partial<Record<Family, number>>> | undefined {
  try {
    const { status } = JSON.parse(text) as { status?: Readonly<Record<string, { lastUpdated?: string }>> };
    const at = (family: Family) => Date.parse(status?.[family]?.lastUpdated ?? '');
    const found = (['IPv4', 'IPv6'] as const).filter((family) => !Number.isNaN(at(family)));
    return found.length === 0 ? undefined : Object.fromEntries(found.map((family) => [family, at(family)]));
  } catch {
    return undefined;
  }
}
