/** The command line: options of all commands, help with examples, and how a run ends. */
import { Command, CommanderError, Option } from 'commander';
import { type GlobalOptions, Session, type Terminal } from './cluster/session.ts';
import type { CommandSpec, OptionSpec } from './command.ts';
import { commands } from './commands.ts';
import { complete, completionScript, shells } from './completion.ts';
import { exitOf, type Format, formats, renderAnswer } from './output/answer.ts';
import { plain } from './output/colors.ts';
import { type Exit, exits, Failure } from './output/failure.ts';
import { printable, printableLines } from './output/printable.ts';
import { version } from './output/version.ts';

/** The parts of the process that a run uses. */
interface ProcessContext {
  /** The arguments, without node and the name of the program. */
  readonly argv: readonly string[];
  /** Returns the terminal, with or without colors. */
  readonly terminal: (wantsColor: boolean) => Terminal;
  readonly signal: AbortSignal;
}

type Globals = Omit<GlobalOptions, 'output'> & { readonly output: Format; readonly color: boolean };

/** Runs one command line. Returns the exit status. */
export async function runProgram({ argv, terminal: open, signal }: ProcessContext): Promise<Exit> {
  const terminal = (wantsColor: boolean) => printableTerminal(open(wantsColor));
  const ended: { exit: Exit } = { exit: exits.fine };
  const plainTerminal = terminal(false);
  const run = async (spec: CommandSpec, given: Parameters<CommandSpec['run']>[1], globals: Globals) => {
    const { color, output, ...options } = globals;
    const at = terminal(color);
    const session = new Session({ ...options, output }, at, signal);
    try {
      const answer = await spec.run(session, given);
      at.out(renderAnswer(answer, output, { colors: at.colors }));
      ended.exit = exitOf(answer);
    } finally {
      await session.close();
    }
  };
  const program = programOf(run, plainTerminal);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    return failed(error, plainTerminal, signal);
  }
  return ended.exit;
}

/** A terminal for notes and questions about things that other people have named. Answers are made printable when they are rendered. */
function printableTerminal({ note, confirm, ...rest }: Terminal): Terminal {
  return {
    ...rest,
    note: (text) => note(printableLines(text)),
    confirm: (question) => confirm(printableLines(question)),
  };
}

function failed(error: unknown, { note }: Terminal, signal: AbortSignal): Exit {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exits.fine : exits.usage;
  if (signal.aborted) return exits.wrong;
  if (error instanceof Failure) {
    const { message, hint } = printable({ message: error.message, hint: error.hint });
    note(`error: ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`);
    return error.exit;
  }
  // A fault of the tool itself: the message is enough for most people; BERTH_DEBUG adds the stack.
  const { message, stack } = error as Error;
  note(`error: ${process.env.BERTH_DEBUG === undefined ? printable(message) : stack}\n`);
  return exits.unreachable;
}

type Run = (spec: CommandSpec, given: Parameters<CommandSpec['run']>[1], globals: Globals) => Promise<void>;

function programOf(run: Run, { out: print, note }: Terminal): Command {
  const program = new Command('kubectl-berth')
    // Commands that are added later inherit this.
    .configureOutput({ writeOut: print, writeErr: note })
    .description(
      'Shows the state of Berth, the LoadBalancer of this cluster, and changes what an administrator may change.',
    )
    .usage('[options] <command>')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(see --help)')
    .configureHelp({ showGlobalOptions: true })
    .option('--kubeconfig <file>', 'the kubeconfig file (default: KUBECONFIG, or ~/.kube/config)')
    .option('--context <name>', 'context in the kubeconfig')
    .option('-n, --namespace <name>', 'namespace of Services')
    .option('--berth-namespace <name>', "namespace of Berth (default: found by the label of the speakers' DaemonSet)")
    .addOption(new Option('-o, --output <format>', 'output format').choices(formats).default('table'))
    .option('--no-color', 'no colors, not even on a terminal (NO_COLOR has the same effect)')
    .addHelpText(
      'after',
      '\nExit status: 0 no problem, 1 a problem was found, 2 wrong usage, 3 the cluster could not be read.',
    );
  for (const spec of commands) addCommand(program, spec, run);
  program
    .command('completion')
    .summary('print the completion script for a shell')
    .description(
      'Prints the completion script for a shell. For kubectl berth: see the comment at the top of the script.',
    )
    .argument('<shell>', shells.join(', '))
    .action((shell: string) => print(completionScript(shell)));
  program
    .command('__complete', { hidden: true })
    .allowUnknownOption()
    .helpOption(false)
    .argument('[words...]')
    .action(async (words: readonly string[]) => {
      const silent = { out: print, note: () => undefined, confirm: async () => false, colors: plain };
      const open = (typed: Partial<GlobalOptions>) =>
        new Session({ output: 'table', ...typed }, silent, new AbortController().signal);
      print(await complete(words, program, open));
    });
  return program;
}

function addCommand(program: Command, spec: CommandSpec, run: Run): void {
  const command = program
    .command(spec.name)
    .summary(spec.summary)
    .description(spec.description ?? `${spec.summary[0]?.toUpperCase()}${spec.summary.slice(1)}.`);
  for (const { name, what, choices } of spec.args ?? []) {
    const argument = command.createArgument(name, what);
    command.addArgument(choices === undefined ? argument : argument.choices([...choices]));
  }
  for (const option of spec.options ?? []) command.addOption(optionOf(option));
  command.addHelpText('after', `\nExamples:\n${examplesOf(spec)}`);
  command.action(async (...all: unknown[]) => {
    const count = spec.args?.length ?? 0;
    const args = all
      .slice(0, count)
      .flat()
      .filter((arg): arg is string => typeof arg === 'string');
    await run(spec, { args, options: command.opts() }, command.optsWithGlobals<Globals>());
  });
}

function optionOf({ flags, what, byDefault, many, choices, required }: OptionSpec): Option {
  const option = new Option(flags, what);
  if (byDefault !== undefined) option.default(byDefault);
  if (choices) option.choices([...choices]);
  if (many) option.argParser((value: string, all: readonly string[] | undefined) => [...(all ?? []), value]);
  return required ? option.makeOptionMandatory() : option;
}

/** Formats the examples: a comment that says what the line does, and below it the line. */
function examplesOf({ examples }: CommandSpec): string {
  return examples.map(([line, what]) => `  # ${what}\n  ${line}`).join('\n');
}
