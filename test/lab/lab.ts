/** The command `npm run lab`: starts, removes and shows labs, and runs commands on their hosts. */
import { spawn } from 'node:child_process';
import { Command, InvalidArgumentError, Option } from 'commander';
import { downLab, openLab, upLab } from './cluster.ts';
import { defaultId } from './down.ts';
import { spawnedName } from './host.ts';
import { type ProxyMode, proxyModes } from './plan.ts';
import { isAlive } from './processes.ts';
import { noProxy } from './run.ts';
import { listLabs, readProcesses, readState } from './state.ts';
import { defaultNodes } from './up.ts';

/** The options of `up`, in the form that commander returns. */
interface UpOptions {
  readonly id: string;
  readonly nodes: number;
  readonly proxyMode: ProxyMode;
  readonly berth: boolean;
}

/** The option that every subcommand has. */
interface IdOption {
  readonly id: string;
}

const log = (line: string) => process.stderr.write(`lab: ${line}\n`);

const idOption = () =>
  new Option('--id <id>', 'the id of the lab; labs with different ids run side by side').default(defaultId);

const program = new Command('lab')
  .enablePositionalOptions()
  .description('A real Kubernetes cluster in network namespaces of this machine, for tests and for trying things out.')
  .addHelpText('after', '\nAs an npm script: npm run lab -- up');

program
  .command('up')
  .description('start a lab; a lab that already runs is kept')
  .addOption(idOption())
  .option('--nodes <number>', 'the number of nodes', positive, defaultNodes)
  .addOption(new Option('--proxy-mode <mode>', 'the mode of kube-proxy').choices(proxyModes).default('iptables'))
  .option('--no-berth', "do not build Berth's image and give it to the nodes")
  .action(up);

program
  .command('down')
  .description('remove a lab, also an incomplete one')
  .addOption(idOption())
  .option('--all', 'all labs of this machine', false)
  .action(down);

program
  .command('status')
  .description('show hosts, processes and nodes; exit code 1 if there is no such lab or a process has ended')
  .addOption(idOption())
  .action(status);

program
  .command('exec')
  .description('run a command on a host: node1, client, control-plane; kubectl and helm are there too')
  .addOption(idOption())
  .argument('<host>', 'the host')
  .argument('<command...>', 'the command, after --')
  .passThroughOptions()
  .action(exec);

// The reader of the output may stop before its end, as head(1) does.
process.stdout.on('error', () => process.exit());

program.parseAsync().catch((error: Error) => {
  log(error.message);
  process.exitCode = 1;
});

function positive(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('it must be a positive number');
  return Number(text);
}

async function up({ id, nodes, proxyMode, berth }: UpOptions): Promise<void> {
  const lab = await upLab({ id, nodes, proxyMode, log });
  if (berth) await lab.buildBerth();
  log(`export KUBECONFIG=${lab.kubeconfig}   # on its hosts: npm run lab -- exec client -- sh`);
}

async function down({ id, all }: IdOption & { readonly all: boolean }): Promise<void> {
  for (const each of all ? listLabs() : [id]) await downLab(each);
}

async function status({ id }: IdOption): Promise<void> {
  const state = readState(id);
  if (state === undefined) {
    console.log(`no lab ${id}`);
    process.exitCode = 1;
    return;
  }
  console.log(`lab ${id}: ${state.phase}, ${state.nodes} nodes, kube-proxy with ${state.proxyMode}`);
  if (state.phase !== 'running') return;
  const lab = openLab(id);
  const records = readProcesses(id);
  for (const host of [lab.controlPlane, lab.client, ...lab.nodes]) {
    // A process that a test started may have ended at any time.
    const own = records.filter((each) => each.host === host.name && (each.name !== spawnedName || isAlive(each)));
    const text = own.map((record) => `${record.name}${isAlive(record) ? `=${record.pid}` : ' (ended)'}`).join(' ');
    console.log(`${host.name.padEnd(14)} ${host.ip.padEnd(14)} ${host.ipv6.padEnd(14)} ${host.mac}  ${text}`);
    if (own.some((record) => !isAlive(record))) process.exitCode = 1;
  }
  console.log((await lab.kubectl(['get', 'nodes', '--output', 'wide'])).trimEnd());
}

/** Runs the command in this terminal, and ends with its exit code. */
function exec(name: string, argv: readonly string[], { id }: IdOption): Promise<void> {
  const lab = openLab(id);
  const host = [lab.controlPlane, lab.client, ...lab.nodes].find((each) => each.name === name);
  if (host === undefined) throw new Error(`lab ${id} has no host ${name}`);
  // With passThroughOptions, commander also passes on the "--".
  const command = argv[0] === '--' ? argv.slice(1) : argv;
  const [first = '', ...rest] = [...host.command(), ...command];
  const env = { ...process.env, ...noProxy, KUBECONFIG: lab.kubeconfig, PATH: `${lab.programs}:${process.env.PATH}` };
  const child = spawn(first, rest, { stdio: 'inherit', env });
  // The command gets Ctrl-C too, and decides what to do. This process only waits for its end.
  process.on('SIGINT', () => {});
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => {
      process.exitCode = code ?? 1;
      resolve();
    });
  });
}
