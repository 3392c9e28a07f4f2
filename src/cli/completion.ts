/**
 * Completion of command lines in shells: the scripts call `kubectl-berth __complete WORDS...`, as kubectl
 * calls its plugins.
 */
import type { Command, Option } from 'commander';
import { collections } from '../kube/resources.ts';
import { listAll } from './cluster/read.ts';
import type { GlobalOptions, Session } from './cluster/session.ts';
import type { CompletionKind } from './command.ts';
import { commands } from './commands.ts';
import { misused } from './output/failure.ts';

/** Shells that the tool has a script for. */
export const shells = ['bash', 'zsh', 'fish'] as const;

/** The directive that kubectl reads after the candidates: no file names (cobra's ShellCompDirectiveNoFileComp). */
const noFiles = ':4';

/** Returns the script for a shell. */
export function completionScript(shell: string): string {
  const script = scripts[shell as (typeof shells)[number]];
  if (script === undefined)
    throw misused(`there is no completion script for "${shell}"`, `choose ${shells.join(', ')}`);
  return `${head}${script}`;
}

/** Opens a session with those options of all commands that are on the command line so far. */
type OpenSession = (options: Partial<GlobalOptions>) => Session;

/** Lists the candidates for the last word, one a line, followed by kubectl's directive. */
export async function complete(words: readonly string[], program: Command, open: OpenSession): Promise<string> {
  const line = readLine(words.slice(0, -1), program);
  const session = open(line.globals);
  const typed = words.at(-1) ?? '';
  try {
    const found = await candidates(line, typed, { program, session }).catch(() => []);
    return `${[...found.filter((word) => word.startsWith(typed)), noFiles].join('\n')}\n`;
  } finally {
    await session.close();
  }
}

/** The command line before the word that is completed. */
interface Line {
  /** The words without options and their values. */
  readonly bare: readonly string[];
  readonly globals: Partial<GlobalOptions>;
  /** The option whose value is the next word. */
  readonly open: Option | undefined;
  readonly options: readonly Option[];
}

function readLine(before: readonly string[], program: Command): Line {
  const command = program.commands.find((one) => before.includes(one.name()));
  const options = [...(command?.options ?? []), ...program.options];
  const bare: string[] = [];
  const globals: Record<string, string> = {};
  let open: Option | undefined;
  for (const word of before) {
    if (open !== undefined) {
      if (program.options.includes(open)) globals[open.attributeName()] = word;
      open = undefined;
    } else if (!word.startsWith('-')) bare.push(word);
    else open = options.find(({ short, long, required }) => required && (word === short || word === long));
  }
  return { bare, globals, open, options };
}

async function candidates(
  { bare, open, options }: Line,
  typed: string,
  { program, session }: { readonly program: Command; readonly session: Session },
): Promise<readonly string[]> {
  if (open?.argChoices) return open.argChoices;
  if (open) return optionValues(open.long, session);
  if (typed.startsWith('-')) return options.flatMap(({ long, hidden }) => (long && !hidden ? [long] : []));
  const [name] = bare;
  if (name === undefined) return program.commands.map((one) => one.name()).filter((one) => !one.startsWith('_'));
  if (name === 'completion') return shells;
  const argument = commands.find((one) => one.name === name)?.args?.[bare.length - 1];
  if (argument?.choices) return argument.choices;
  return argument?.completes === undefined ? [] : names(argument.completes, session);
}

async function optionValues(option: string | null | undefined, session: Session): Promise<readonly string[]> {
  if (option === '--node-down') return names('node', session);
  if (option === '--pool') return names('pool', session);
  return option === '--namespace' ? names('namespace', session) : [];
}

async function names(kind: CompletionKind | 'namespace', session: Session): Promise<readonly string[]> {
  const reach = await session.reach();
  const list = (path: string) =>
    listAll<{ metadata: { name: string }; spec?: { address?: string; type?: string } }>(reach, path);
  if (kind === 'service') {
    const all = await list(`/api/v1/namespaces/${await session.namespace()}/services`);
    return all.filter(({ spec }) => spec?.type === 'LoadBalancer').map(({ metadata }) => `svc/${metadata.name}`);
  }
  if (kind === 'vip') return (await list(collections.allocations)).map(({ spec }) => spec?.address ?? '');
  const paths = { pool: collections.pools, node: collections.nodes, namespace: collections.namespaces } as const;
  return (await list(paths[kind])).map(({ metadata }) => metadata.name);
}

const head = `# Completion of "kubectl-berth". For "kubectl berth", put a program with the name kubectl_complete-berth on your PATH:
#   #!/bin/sh
#   exec kubectl-berth __complete -- "$@"
`;

const scripts: Readonly<Record<(typeof shells)[number], string>> = {
  bash: `_kubectl_berth() {
  local IFS=$'\\n'
  COMPREPLY=($(kubectl-berth __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | grep -v '^:'))
}
complete -F _kubectl_berth kubectl-berth
`,
  zsh: `#compdef kubectl-berth
_kubectl_berth() {
  local -a found
  found=(\${(f)"$(kubectl-berth __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null | grep -v '^:')"})
  compadd -- $found
}
compdef _kubectl_berth kubectl-berth
`,
  fish: `function __kubectl_berth
  set -l words (commandline -opc) (commandline -ct)
  kubectl-berth __complete -- $words[2..-1] 2>/dev/null | string match -v ':*'
end
complete -c kubectl-berth -f -a '(__kubectl_berth)'
`,
};
