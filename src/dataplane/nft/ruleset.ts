/**
 * Berth's nftables tables as values, and the commands (nft(8)) that load them into the kernel: whole tables, or only
 * the changes. A batch of commands is one transaction: the kernel applies all of it or nothing.
 */

/** The families of Berth's tables. `inet` is not among them: its rules cannot send a packet to another host (`dup`). */
export type TableFamily = 'ip' | 'ip6' | 'arp' | 'netdev';

/** A named set or map. */
export interface Collection {
  readonly kind: 'set' | 'map';
  /** The specification: `type ipv4_addr; counter`. If it changes, the whole table is created again. */
  readonly spec: string;
  /** Keys and values. In a set the value is what follows the element: mostly nothing. */
  readonly elements: ReadonlyMap<string, string>;
  /** The elements may be loaded after the rest of the ruleset: without one of them a rule admits less. */
  readonly mayFollow?: true;
}

/** A chain. A chain with a hook is called by the kernel, any other one by rules. */
export interface Chain {
  /** `type filter hook forward priority 10`. If it changes, the whole table is created again. */
  readonly hook?: string;
  readonly rules: readonly string[];
}

/** One table. */
export interface Table {
  readonly family: TableFamily;
  readonly collections: ReadonlyMap<string, Collection>;
  readonly chains: ReadonlyMap<string, Chain>;
}

/** All tables of Berth, at most one of each family. */
export type Ruleset = readonly Table[];

/** The name of all tables of Berth. */
export const tableName = 'berth';

/** All families in which Berth may have a table. */
const tableFamilies: readonly TableFamily[] = ['ip', 'ip6', 'arp', 'netdev'];

/** One command has at most this many elements: nft parses long lines quickly, but people do not read them quickly. */
const elementsPerCommand = 500;

/** Commands that load this ruleset, whatever the tables were before. */
export function wholeText(ruleset: Ruleset): string {
  const removals = tableFamilies.map((family) => removal(family));
  return `${[...removals, ...ruleset.map(tableText)].join('\n')}\n`;
}

/** Commands that change one ruleset into another one; an empty text if nothing differs. */
export function changeText(before: Ruleset, after: Ruleset): string {
  const lines = tableFamilies.flatMap((family) => {
    const [old, now] = [before, after].map((ruleset) => ruleset.find((table) => table.family === family));
    if (old === now || (old === undefined && now === undefined)) return [];
    if (now === undefined) return [removal(family)];
    if (old === undefined || !isSameShape(old, now)) return [removal(family), tableText(now)];
    return changesOf(old, now);
  });
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** Do these commands change only elements of sets and maps? */
export function onlyElements(change: string): boolean {
  return change.split('\n').every((line) => line === '' || /^(add|delete) element /.test(line));
}

/** The deletion of a missing table is an error: so it is added first. */
function removal(family: TableFamily): string {
  return `add table ${family} ${tableName}\ndelete table ${family} ${tableName}`;
}

function tableText({ family, collections, chains }: Table): string {
  const declarations = [
    ...[...collections].map(([name, { kind, spec, elements }]) => {
      const members = elements.size === 0 ? '' : ` elements = { ${[...elements].map(elementText).join(', ')} };`;
      return `  ${kind} ${name} { ${spec};${members} }`;
    }),
    ...[...chains].map(([name, { hook, rules }]) => {
      const lines = [...(hook === undefined ? [] : [`${hook}; policy accept;`]), ...rules];
      return `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join('')}  }`;
    }),
  ];
  return `table ${family} ${tableName} {\n${declarations.join('\n')}\n}`;
}

function elementText([key, value]: readonly [string, string]): string {
  if (value === '') return key;
  return value.startsWith('timeout') ? `${key} ${value}` : `${key} : ${value}`;
}

/** Are the parts equal that cannot be changed in place? */
export function isSameShape(a: Table, b: Table): boolean {
  const specs = [...b.collections].every(([name, { kind, spec }]) => {
    const before = a.collections.get(name);
    return before === undefined || (before.kind === kind && before.spec === spec);
  });
  return specs && [...b.chains].every(([name, { hook }]) => !a.chains.has(name) || a.chains.get(name)?.hook === hook);
}

/** The order matters: an object is added before rules refer to it, and deleted after them. */
function changesOf(before: Table, after: Table): readonly string[] {
  const at = `${after.family} ${tableName}`;
  const gone = [...before.chains.keys()].filter((name) => !after.chains.has(name));
  const changed = [...after.chains].filter(([name, { rules }]) => !isSameList(before.chains.get(name)?.rules, rules));
  const elements = [...after.collections].map(([name, { elements }]) =>
    elementChanges(`${at} ${name}`, before.collections.get(name)?.elements ?? new Map(), elements),
  );
  return [
    ...[...after.collections]
      .filter(([name]) => !before.collections.has(name))
      .map(([name, { kind, spec }]) => `add ${kind} ${at} ${name} { ${spec}; }`),
    ...[...after.chains]
      .filter(([name]) => !before.chains.has(name))
      .map(([name, { hook }]) => `add chain ${at} ${name}${hook === undefined ? '' : ` { ${hook}; policy accept; }`}`),
    ...gone.map((name) => `flush chain ${at} ${name}`),
    ...elements.flatMap(({ removed }) => removed),
    ...elements.flatMap(({ added }) => added),
    ...changed.flatMap(([name, { rules }]) => [
      ...(before.chains.has(name) ? [`flush chain ${at} ${name}`] : []),
      ...rules.map((rule) => `add rule ${at} ${name} ${rule}`),
    ]),
    ...[...before.collections]
      .filter(([name]) => !after.collections.has(name))
      .map(([name, { kind }]) => `delete ${kind} ${at} ${name}`),
    ...gone.map((name) => `delete chain ${at} ${name}`),
  ];
}

function elementChanges(
  collection: string,
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): { readonly removed: readonly string[]; readonly added: readonly string[] } {
  if (before === after) return { removed: [], added: [] };
  const removed = [...before].filter(([key, value]) => after.get(key) !== value).map(([key]) => key);
  const added = [...after].filter(([key, value]) => before.get(key) !== value);
  return { removed: inCommands('delete', collection, removed), added: addCommands(collection, added) };
}

/** Commands that add elements to a set or map. */
export function addCommands(collection: string, elements: readonly (readonly [string, string])[]): readonly string[] {
  return inCommands('add', collection, elements.map(elementText));
}

function inCommands(verb: string, collection: string, elements: readonly string[]): readonly string[] {
  const commands: string[] = [];
  for (let at = 0; at < elements.length; at += elementsPerCommand) {
    commands.push(`${verb} element ${collection} { ${elements.slice(at, at + elementsPerCommand).join(', ')} }`);
  }
  return commands;
}

function isSameList(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a !== undefined && a.length === b.length && a.every((line, i) => line === b[i]);
}
