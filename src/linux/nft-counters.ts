/** Reads the counters of Berth's sets and rules. */
import { nftJson } from './nft.ts';

/** Packets and bytes since the element was created. */
export interface Counted {
  readonly packets: number;
  readonly bytes: number;
}

interface Listing {
  readonly nftables: readonly {
    readonly set?: {
      readonly elem?: readonly { readonly elem?: { readonly val: string; readonly counter?: Counted } }[];
    };
    readonly rule?: { readonly expr: readonly { readonly counter?: Counted }[] };
  }[];
}

/** The counters of all elements of a set, by element. Rejects if there is no such set. */
export async function readSetCounters(
  family: string,
  table: string,
  set: string,
): Promise<ReadonlyMap<string, Counted>> {
  const listing = await nftJson<Listing>('list', 'set', family, table, set);
  const elements = listing.nftables.flatMap(({ set: found }) => found?.elem ?? []);
  return new Map(elements.flatMap(({ elem }) => (elem?.counter ? [[elem.val, elem.counter] as const] : [])));
}

/** The sum of the counters of all rules of a chain. Rejects if there is no such chain. */
export async function readChainCounter(family: string, table: string, chain: string): Promise<Counted> {
  const listing = await nftJson<Listing>('list', 'chain', family, table, chain);
  const counters = listing.nftables.flatMap(({ rule }) => rule?.expr ?? []).map(({ counter }) => counter);
  return counters.reduce<Counted>(
    (all, one) => ({ packets: all.packets + (one?.packets ?? 0), bytes: all.bytes + (one?.bytes ?? 0) }),
    { packets: 0, bytes: 0 },
  );
}
