/** Completion of command lines in shells: the scripts ask the tool itself, `kubectl-berth __complete WORDS...`, as kubectl asks its plugins. */
import type { Command } from 'commander';
import { collections } from '../kube/resources.ts';
import type { Completed } from './command.ts';
import { commands } from './commands.ts';
import { misused } from './failure.ts';
import { listAll } from './reading.ts';
import type { Session } from './session.ts';

/** Shells that there is a script for. */
export const shells = ['bash', 'zsh', 'fish'] as const;

/** What kubectl reads after the words: no file names (cobra's ShellCompDirectiveNoFileComp). */
const noFiles = ':4';

/** The script for a shell. */
export function completionScript(shell: string): string {
  const script = scripts[shell as (typeof shells)[number]];
  if (script === undefined) throw misused(`there is no script for "${shell}": choose ${shells.join(', ')}`);
  return `${head}${script}`;
}

/** What may come in the place of the last of the words, one a line, and kubectl's directive. */
export async function complete(words: readonly string[], program: Command, session: Session): Promise<string> {
  const typed = words.at(-1) ?? '';
  const found = (await candidates(words.slice(0, -1), typed, { program, session }).catch(() => [])).filter((word) =>
    word.startsWith(typed),
  );
  return `${[...found, noFiles].join('\n')}\n`;
}

async function candidates(
  before: readonly string[],
  typed: string,
  { program, session }: { readonly program: Command; readonly session: Session },
): Promise<readonly string[]> {
  const bare = before.filter((word) => !word.startsWith('-'));
  const spec = commands.find(({ name }) => name === bare[0]);
  const command = program.commands.find((one) => one.name() === bare[0]);
  const last = before.at(-1) ?? '';
  const option = [...(command?.options ?? []), ...program.options].find(
    ({ short, long }) => last === short || last === long,
  );
  if (option?.argChoices) return option.argChoices;
  if (option?.required) return option.long === '--node-down' ? names('node', session) : [];
  if (typed.startsWith('-')) {
    return [...(command?.options ?? []), ...program.options].flatMap(({ long, hidden }) =>
      long && !hidden ? [long] : [],
    );
  }
  if (bare.length === 0) return program.commands.map((one) => one.name()).filter((name) => !name.startsWith('_'));
  if (bare[0] === 'completion') return shells;
  const argument = spec?.args?.[bare.length - 1];
  if (argument?.choices) return argument.choices;
  return argument?.completes === undefined ? [] : names(argument.completes, session);
}

async function names(kind: Completed, session: Session): Promise<readonly string[]> {
  const reach = await session.reach();
  const list = (path: string) =>
    listAll<{ metadata: { name: string }; spec?: { address?: string; type?: string } }>(reach, path);
  if (kind === 'service') {
    const all = await list(`/api/v1/namespaces/${await session.namespace()}/services`);
    return all.filter(({ spec }) => spec?.type === 'LoadBalancer').map(({ metadata }) => `svc/${metadata.name}`);
  }
  if (kind === 'vip') return (await list(collections.allocations)).map(({ spec }) => spec?.address ?? '');
  return (await list(kind === 'pool' ? collections.pools : collections.nodes)).map(({ metadata }) => metadata.name);
}

const head = `# Completion of "kubectl-berth". For "kubectl berth" put a program named kubectl_complete-berth on your PATH:
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
