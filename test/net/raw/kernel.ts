/**
 * The nftables rules of this process's network namespace: loaded by nft(8), and listed so that two
 * listings can be compared.
 */
import { execFileSync } from 'node:child_process';

/** Executes commands as one transaction. Throws nft's error text if they are refused. */
export function load(commands: string): void {
  try {
    execFileSync('nft', ['-f', '-'], { input: commands, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
  } catch (error) {
    const said = (error as { stderr?: string }).stderr ?? String(error);
    throw new Error(`nft refused it: ${said.slice(0, 600)}`);
  }
}

interface Listed {
  readonly family?: string;
  readonly table?: string;
  readonly chain?: string;
  readonly name?: string;
  readonly elem?: readonly unknown[];
}

/** Lines to compare: rules in the order of their chain, other lines sorted, without counters and times. */
export function listing(): readonly string[] {
  const lines = listed().map((one) => {
    const [[kind, { family, table, chain, name }] = ['', {} as Listed]] = Object.entries(one);
    return [[kind, family, table, chain ?? name].join(' '), JSON.stringify(one, withoutTimes)] as const;
  });
  return lines.sort(([one], [other]) => (one < other ? -1 : Number(one > other))).map(([, line]) => line);
}

/** The elements of a set or map, as nft lists them in JSON; undefined if there is no such set. */
export function elementsOf(family: string, name: string): readonly unknown[] | undefined {
  const found = listed().flatMap((one) => [one.set, one.map].filter((set) => set !== undefined));
  const set = found.find((one) => one.family === family && one.name === name);
  return set && (set.elem ?? []);
}

/** The text that nft lists. */
export function listText(what: string): string {
  return execFileSync('nft', ['list', ...what.split(' ')], { encoding: 'utf8' });
}

function listed(): readonly Readonly<Record<string, Listed>>[] {
  const text = execFileSync('nft', ['--json', '--stateless', 'list', 'ruleset'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return (JSON.parse(text) as { readonly nftables: readonly Readonly<Record<string, Listed>>[] }).nftables;
}

function withoutTimes(key: string, value: unknown): unknown {
  if (key === 'handle' || key === 'expires' || key === 'metainfo') return undefined;
  if (key !== 'elem' || !Array.isArray(value)) return value;
  return value.map((element) => JSON.stringify(element, withoutTimes)).sort();
}
