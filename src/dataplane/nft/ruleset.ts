/**
 * Our nftables tables as values, and the commands that make the kernel's be the same (nft(8)): all of them, or only what has changed. A
 * batch of commands is one transaction: the kernel takes all of it or nothing.
 */

/** The families of tables that we use. `inet` is not among them: it cannot send a packet on to another host (`dup`). */
export type TableFamily = 'ip' | 'ip6' | 'arp' | 'netdev';

/** A named set or map. */
export interface Collection {
  readonly kind: 'set' | 'map';
  /** What is in it: `type ipv4_addr; counter`. A change of it makes the whole table anew. */
  readonly spec: string;
  /** Keys, and in a map their values; in a set what belongs to the element, mostly nothing. */
  readonly elements: ReadonlyMap<string, string>;
}

/** A chain. One with a hook is called by the kernel, the others by rules. */
export interface Chain {
  /** `type filter hook forward priority 10`. A change of it makes the whole table anew. */
  readonly hook?: string;
  readonly rules: readonly string[];
}

/** One table. */
export interface Table {
  readonly family: TableFamily;
  readonly collections: ReadonlyMap<string, Collection>;
  readonly chains: ReadonlyMap<string, Chain>;
}

/** All tables of ours, at most one of a family. */
export type Ruleset = readonly Table[];

/** The name of all our tables. */
export const tableName = 'berth';

/** All families that a table of ours can be in. */
export const tableFamilies: readonly TableFamily[] = ['ip', 'ip6', 'arp', 'netdev'];

/** So many elements go into one command: nft's parser is quick with long lines, people who read them are not. */
const elementsPerCommand = 500;

/** Commands that make our tables be this, whatever they were before. */
export function wholeText(ruleset: Ruleset): string {
  const removals = tableFamilies.map((family) => removal(family));
  return `${[...removals, ...ruleset.map(tableText)].join('\n')}\n`;
}

/** Commands that lead from one ruleset to another; the empty text where nothing differs. */
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

/** Do these commands change nothing but elements of sets and maps? */
export function onlyElements(change: string): boolean {
  return change.split('\n').every((line) => line === '' || /^(add|delete) element /.test(line));
}

/** To delete a table that is not there is an error: so it is made first. */
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

/** Is what cannot be changed in place the same? */
function isSameShape(a: Table, b: Table): boolean {
  const specs = [...b.collections].every(([name, { kind, spec }]) => {
    const before = a.collections.get(name);
    return before === undefined || (before.kind === kind && before.spec === spec);
  });
  return specs && [...b.chains].every(([name, { hook }]) => !a.chains.has(name) || a.chains.get(name)?.hook === hook);
}

/**
 * The order matters: what is referred to is made before what refers to it, and taken away after it.
 */
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
  const added = [...after].filter(([key, value]) => before.get(key) !== value).map(elementText);
  return { removed: inCommands('delete', collection, removed), added: inCommands('add', collection, added) };
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
