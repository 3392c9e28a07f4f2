/** `npm run conformance`: Kubernetes' own end-to-end tests of LoadBalancers, against Berth on a cluster of the lab. */
import { createWriteStream } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Command, InvalidArgumentError } from 'commander';
import { installBerth, poolManifest } from '../cluster/berth.ts';
import { ensureProgram } from '../lab/binaries.ts';
import { downLab, downOnInterrupt, type Lab, upLab } from '../lab/cluster.ts';
import { defaultNodes } from '../lab/up.ts';
import { moveClientOut } from './client.ts';
import { installDns } from './dns.ts';
import { loadImage } from './image.ts';
import { nameOf, readOutcomes, tableOf, unexplained } from './report.ts';

/** Options as commander gives them. */
interface Options {
  readonly lab: string;
  readonly keep: boolean;
  readonly focus: string;
  readonly nodes: number;
  readonly procs: number;
  readonly output: string;
}

/** What the suite needs to run. */
interface Suite {
  readonly lab: Lab;
  readonly program: string;
  readonly focus: string;
  readonly procs: number;
  /** The folder of the log and the reports. */
  readonly output: string;
}

const options = new Command('npm run conformance --')
  .description(
    "Kubernetes' own tests of LoadBalancers against Berth, from a host outside of the cluster. The first run also builds the suite, which takes some minutes.",
  )
  .option('--lab <id>', 'id of the lab; a lab that runs already is used', 'conformance')
  .option('--keep', 'leave the lab running at the end', false)
  .option('--focus <pattern>', 'which tests: a regular expression on their names', 'LoadBalancers')
  .option('--nodes <count>', 'how many nodes the cluster has', positiveInteger, defaultNodes)
  .option('--procs <count>', 'how many tests run at the same time (they mostly wait)', positiveInteger, 8)
  .option('--output <folder>', "where the suite's log, its JSON report and the table go", 'conformance-report')
  .parse()
  .opts<Options>();

const log = (line: string) => console.error(`conformance: ${line}`);

downOnInterrupt(options.lab);
try {
  process.exitCode = await conformance(options);
} finally {
  if (!options.keep) await downLab(options.lab);
}

/** Starts the cluster, runs the suite and prints the result; gives the exit code. */
async function conformance({ lab: id, nodes, focus, procs, output }: Options): Promise<number> {
  const program = await ensureProgram('e2e', log);
  // The suite sends a Service's health check to every address of a node; kube-proxy answers in the
  // Service's families only.
  const lab = await upLab({ id, nodes, dualStackNodes: false, log });
  await prepare(lab, program);
  const folder = resolve(output);
  await mkdir(folder, { recursive: true });
  const report = await runSuite({ lab, program, focus, procs, output: folder });
  const outcomes = await readOutcomes(report);
  const table = tableOf(outcomes);
  await writeFile(join(folder, 'table.md'), `${table}\n`);
  console.log(table);
  const surprises = unexplained(outcomes);
  for (const { name, reason } of surprises) console.log(`\nunexplained: ${name}\n${reason}`);
  if (outcomes.length === 0) log(`no test's name matches ${focus}`);
  return surprises.length > 0 || outcomes.length === 0 ? 1 : 0;
}

/** Gives the cluster what a user's cluster has: Berth with a pool, a name server, a client in another network. */
async function prepare(lab: Lab, program: string): Promise<void> {
  await lab.buildBerth();
  await installBerth(lab);
  await lab.apply(poolManifest('conformance', lab.subnet.vips));
  await installDns(lab, await loadImage(lab, program, log));
  await moveClientOut(lab);
}

/** Runs the suite on the client host; gives the path of its JSON report. */
async function runSuite({ lab, program, focus, procs, output }: Suite): Promise<string> {
  // ginkgo requires a file of this name.
  const suite = join(output, 'e2e.test');
  await rm(suite, { force: true });
  await symlink(program, suite);
  const report = join(output, 'report.json');
  await rm(report, { force: true });
  const ginkgo = [
    ...[
      await ensureProgram('ginkgo', log),
      `--procs=${procs}`,
      `--focus=${focus}`,
      '--no-color',
      '--v',
      '--timeout=3h',
    ],
    ...['--json-report=report.json', `--output-dir=${output}`, suite],
  ];
  const flags = [
    '--provider=skeleton',
    `--kubeconfig=${lab.kubeconfig}`,
    `--kubectl-path=${join(lab.programs, 'kubectl')}`,
    `--num-nodes=${lab.nodes.length}`,
    `--report-dir=${output}`,
  ];
  const logFile = join(output, 'e2e.log');
  log(`running the tests that match ${focus}, ${procs} at a time; their log is ${logFile}`);
  const child = lab.client.spawn([...ginkgo, '--', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  const file = createWriteStream(logFile);
  child.stderr?.pipe(file, { end: false });
  child.stdout?.pipe(file, { end: false });
  if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', progress());
  await new Promise((done, fail) => child.once('close', done).once('error', fail));
  file.end();
  return report;
}

/**
 * Logs the result of each test from the suite's long log: the line with the duration, and the name
 * of the test. If tests run at the same time, the name follows that line. Otherwise it stands
 * before the output of the test.
 */
function progress(): (line: string) => void {
  let result = '';
  let title = '';
  return (line) => {
    if (line.startsWith('[')) title = line;
    if (result !== '') log(`${result} ${nameOf(title)}`);
    result = /^(•|S) .*\[\d/.test(line) ? line : '';
  };
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('must be a whole number above 0');
  return value;
}
