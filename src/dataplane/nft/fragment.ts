/** A feature's share of a table: its sets, its maps and its chains. A table is the sum of its features. */
import { type Chain, type Collection, type Table, type TableFamily, tableName } from './ruleset.ts';

/** What a feature adds to a table. */
export interface TableFragment {
  readonly collections?: Readonly<Record<string, Collection>>;
  readonly chains?: Readonly<Record<string, Chain>>;
}

/** How long our rules do something after the speaker has said last that it is there. Milliseconds. */
export const aliveMs = 600_000;

/**
 * The gate that every hook passes first: a set whose elements run out, unless the speaker renews them. So a speaker that is gone for good
 * leaves nothing that does anything, and one that restarts finds everything in its place. A single element for all rules: to let
 * thousands of elements expire each for itself would mean to renew each of them.
 */
export const gateName = 'alive';
const gateElements = ['ip', 'ip6', 'arp'];
const gateElement = `timeout ${aliveMs / 1000}s`;

/** The rule that ends a hook's work while the gate is shut. */
export const gate = `meta protocol != @${gateName} accept`;

/** A chain that the kernel calls, behind the gate. */
export function hookChain(hook: string, rules: readonly string[]): Chain {
  return { hook: `type ${hook}`, rules: [gate, ...rules] };
}

/** A chain that rules call. */
export function chain(...rules: readonly string[]): Chain {
  return { rules };
}

/** A set of a type, maybe with more words: `ipv4_addr; flags interval`. */
export function setOf(type: string, elements: Iterable<string> = []): Collection {
  return { kind: 'set', spec: `type ${type}`, elements: new Map([...elements].map((key) => [key, ''])) };
}

/** A map from one type to another: `ipv4_addr : inet_service`. */
export function mapOf(type: string, elements: Iterable<readonly [string, string]> = []): Collection {
  return { kind: 'map', spec: `type ${type}`, elements: new Map(elements) };
}

/** Several parts as one. No two of them may name anything the same. */
export function sum(fragments: readonly TableFragment[]): TableFragment {
  const merged = <T>(records: readonly (Readonly<Record<string, T>> | undefined)[]): Readonly<Record<string, T>> => {
    const entries = records.flatMap((record) => Object.entries(record ?? {}));
    const all = Object.fromEntries(entries);
    if (Object.keys(all).length < entries.length) throw new Error('two features name something the same');
    return all;
  };
  return {
    collections: merged(fragments.map(({ collections }) => collections)),
    chains: merged(fragments.map(({ chains }) => chains)),
  };
}

/** A table of all these features, behind one gate. */
export function tableOf(family: TableFamily, fragments: readonly TableFragment[]): Table {
  const alive: Collection = {
    kind: 'set',
    spec: 'type ether_type; flags timeout',
    elements: new Map(gateElements.map((key) => [key, gateElement])),
  };
  const { collections = {}, chains = {} } = sum([{ collections: { [gateName]: alive } }, ...fragments]);
  return { family, collections: new Map(Object.entries(collections)), chains: new Map(Object.entries(chains)) };
}

/** Commands that keep the gate of these tables open for another while: the kernel does not prolong an element that is there. */
export function keepAliveText(tables: readonly Pick<Table, 'family'>[]): string {
  const lines = tables.flatMap(({ family }) => {
    const at = `${family} ${tableName} ${gateName}`;
    const elements = gateElements.map((key) => `${key} ${gateElement}`).join(', ');
    // It may have run out: to delete what is not there would be an error.
    return [
      `add element ${at} { ${elements} }`,
      `delete element ${at} { ${gateElements.join(', ')} }`,
      `add element ${at} { ${elements} }`,
    ];
  });
  return `${lines.join('\n')}\n`;
}
