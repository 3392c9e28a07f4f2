/** The fragments of a table: each feature adds its sets, maps and chains. A table is the sum of its fragments. */
import { type Chain, type Collection, type Table, type TableFamily, tableName } from './ruleset.ts';

/** The sets, maps and chains that a feature adds to a table. */
export interface TableFragment {
  readonly collections?: Readonly<Record<string, Collection>>;
  readonly chains?: Readonly<Record<string, Chain>>;
}

/** The rules stay in effect for this long after the speaker last renewed the gate. Milliseconds. */
export const aliveMs = 600_000;

/**
 * The gate that every hook passes first: a set whose elements expire unless the speaker renews them. So the rules of a
 * speaker that is gone for good have no effect, and a speaker that restarts finds all its rules in place. The gate has
 * one element per protocol for all rules: if thousands of elements expired one by one, each of them would need a
 * renewal.
 */
const gateName = 'alive';
const gateElements = ['ip', 'ip6', 'arp'];
const gateElement = `timeout ${aliveMs / 1000}s`;

/** The rule that ends the evaluation of a hook while the gate is closed. */
export const gate = `meta protocol != @${gateName} accept`;

/** A chain that the kernel calls, with the gate as its first rule. */
export function hookChain(hook: string, rules: readonly string[]): Chain {
  return { hook: `type ${hook}`, rules: [gate, ...rules] };
}

/** A chain that is called by rules. */
export function chain(...rules: readonly string[]): Chain {
  return { rules };
}

/** A set of a type, optionally with more statements: `ipv4_addr; flags interval`. */
export function setOf(type: string, elements: Iterable<string> = []): Collection {
  return { kind: 'set', spec: `type ${type}`, elements: new Map([...elements].map((key) => [key, ''])) };
}

/** A map from one type to another: `ipv4_addr : inet_service`. */
export function mapOf(type: string, elements: Iterable<readonly [string, string]> = []): Collection {
  return { kind: 'map', spec: `type ${type}`, elements: new Map(elements) };
}

/** Several fragments as one. No two of them may define the same name. */
export function sum(fragments: readonly TableFragment[]): TableFragment {
  const merged = <T>(records: readonly (Readonly<Record<string, T>> | undefined)[]): Readonly<Record<string, T>> => {
    const entries = records.flatMap((record) => Object.entries(record ?? {}));
    const all = Object.fromEntries(entries);
    if (Object.keys(all).length < entries.length) throw new Error('two features define the same name');
    return all;
  };
  return {
    collections: merged(fragments.map(({ collections }) => collections)),
    chains: merged(fragments.map(({ chains }) => chains)),
  };
}

/** A table of all these fragments, behind one gate. */
export function tableOf(family: TableFamily, fragments: readonly TableFragment[]): Table {
  const alive: Collection = {
    kind: 'set',
    spec: 'type ether_type; flags timeout',
    elements: new Map(gateElements.map((key) => [key, gateElement])),
  };
  const { collections = {}, chains = {} } = sum([{ collections: { [gateName]: alive } }, ...fragments]);
  return { family, collections: new Map(Object.entries(collections)), chains: new Map(Object.entries(chains)) };
}

/**
 * Commands that keep the gate of these tables open for another `aliveMs`. The kernel does not extend an existing
 * element, so it is replaced.
 */
export function keepAliveText(tables: readonly Pick<Table, 'family'>[]): string {
  const lines = tables.flatMap(({ family }) => {
    const at = `${family} ${tableName} ${gateName}`;
    const elements = gateElements.map((key) => `${key} ${gateElement}`).join(', ');
    // The element may have expired, and the deletion of a missing element is an error: so it is added first.
    return [
      `add element ${at} { ${elements} }`,
      `delete element ${at} { ${gateElements.join(', ')} }`,
      `add element ${at} { ${elements} }`,
    ];
  });
  return `${lines.join('\n')}\n`;
}
