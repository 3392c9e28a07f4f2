/** Lists of objects in pages. All pages of a list show the same version. */
import type { Target } from './kinds.ts';
import { Refusal } from './refusals.ts';
import { selectorOf } from './selectors.ts';
import { keyOf, type Shelf } from './shelf.ts';

/** The page of a list that a query requests. */
export function listed(
  shelf: Shelf,
  { kind, namespace }: Target,
  query: Readonly<Record<string, string>> = {},
): unknown {
  const { limit, continue: token, resourceVersion } = query;
  const { at, after } = token ? placeOf(token) : { at: shelf.revision, after: '' };
  if (!token && Number(resourceVersion ?? 0) > shelf.revision) {
    const message = `Too large resource version: ${resourceVersion}, current: ${shelf.revision}`;
    throw new Refusal(504, 'Timeout', { message });
  }
  const chosen = shelf
    .sorted(kind, at)
    .filter(selectorOf(query, namespace))
    .filter((one) => keyOf(one.metadata) > after);
  const page = chosen.slice(0, Number(limit ?? chosen.length) || chosen.length);
  const last = page.at(-1);
  const next = last !== undefined && page.length < chosen.length && tokenOf(at, keyOf(last.metadata));
  const more = next && { continue: next, remainingItemCount: chosen.length - page.length };
  const metadata = { resourceVersion: String(at), ...more };
  return { apiVersion: kind.apiVersion, kind: `${kind.kind}List`, metadata, items: page };
}

function tokenOf(at: number, after: string): string {
  return Buffer.from(JSON.stringify({ at, after })).toString('base64url');
}

function placeOf(token: string): { readonly at: number; readonly after: string } {
  return JSON.parse(Buffer.from(token, 'base64url').toString()) as { at: number; after: string };
}
