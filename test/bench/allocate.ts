/** The allocation bench: how fast Services get addresses on a real API server, and what that costs. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { downLab, downOnInterrupt, type Lab, upLab } from '../lab/cluster.ts';
import { phase } from '../lab/progress.ts';
import { mustRun } from '../lab/run.ts';
import { badNamespace } from './allocate-bad.ts';
import { mostServices, servicesNamespace } from './allocate-objects.ts';

const id = 'allocate';
const namespace = 'berth-system';
const root = new URL('../..', import.meta.url).pathname;
const log = (line: string) => console.error(`bench: ${line}`);

/** The arguments of `allocate-run.ts`. */
export interface Order {
  /** The id of the lab. */
  readonly id: string;
  /** The numbers of Services, with one measurement for each. */
  readonly services: readonly number[];
  /** The arguments after `node` that run the bundled program. */
  readonly program: readonly string[];
  /** The namespace that Berth is installed in. */
  readonly namespace: string;
  readonly controllerAccount: string;
  readonly controllerKubeconfig: string;
  readonly speakerKubeconfig: string;
  /** Whether three speakers run, or only their watches. */
  readonly speakers: 'run' | 'watch';
  /** How many bad Services exist and change while others are created; 0: there is none. */
  readonly bad: number;
  /** Folder for CPU profiles of Berth's processes. */
  readonly profile?: string | undefined;
}

/** The options of the bench. */
export type AllocateOptions = Pick<Order, 'services' | 'speakers' | 'bad' | 'profile'>;

/** Creates a cluster of one node, measures, prints a table and removes the cluster. */
export async function benchAllocate(options: AllocateOptions): Promise<void> {
  const most = Math.max(...options.services);
  if (most > mostServices) throw new Error(`the lab has addresses for ${mostServices} Services, not for ${most}`);
  downOnInterrupt(id);
  try {
    // Remove the remains of a run that was killed.
    await downLab(id);
    const lab = await upLab({ id, nodes: 1, log });
    const program = await buildProgram(lab);
    await phase(log, 'CRDs and rights of the chart', () => install(lab));
    await measure(lab, {
      ...options,
      ...{ id, program, namespace, controllerAccount: 'berth-controller' },
      controllerKubeconfig: await kubeconfigOf(lab, 'berth-controller'),
      speakerKubeconfig: await kubeconfigOf(lab, 'berth-speaker'),
      profile: options.profile && resolve(options.profile),
    });
  } finally {
    await downLab(id);
  }
}

/** Copies the bundle to a place where no later build replaces it. Returns the words that start it in a container. */
async function buildProgram(lab: Lab): Promise<readonly string[]> {
  const folder = join(lab.stateDir, 'berth');
  await phase(log, 'Berth built', () => mustRun([process.execPath, join(root, 'scripts/build.ts')]));
  cpSync(join(root, 'dist'), folder, { recursive: true });
  const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
  const [, entrypoint] = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile) ?? [];
  if (entrypoint === undefined) throw new Error('the Dockerfile has no ENTRYPOINT ["node", ...]');
  const [, ...words] = JSON.parse(entrypoint) as string[];
  return words.map((word) => word.replace(/^\/berth\//, `${folder}/`));
}

/** Installs the whole chart without its Pods. The roles run as processes of the bench, with the rights that they have in a cluster. */
async function install(lab: Lab): Promise<void> {
  for (const name of [namespace, servicesNamespace, badNamespace]) await lab.kubectl(['create', 'namespace', name]);
  const chart = join(root, 'charts/berth');
  const rendered = await lab.helm(['template', 'berth', chart, '--namespace', namespace, '--include-crds']);
  const documents = rendered.split(/^---$/m).filter((each) => !/^kind: (Deployment|DaemonSet)$/m.test(each));
  await lab.apply(documents.join('---\n'));
  await lab.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
}

/** Logs in with a token, as a Pod does. An administrator's requests would bypass all queues of the API server. */
async function kubeconfigOf(lab: Lab, account: string): Promise<string> {
  const token = await lab.kubectl(['create', 'token', account, '--namespace', namespace, '--duration=8h']);
  const config = JSON.parse(readFileSync(lab.kubeconfig, 'utf8')) as { users: { name: string; user: object }[] };
  const users = config.users.map(({ name }) => ({ name, user: { token: token.trim() } }));
  const folder = join(lab.stateDir, 'bench');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${account}.kubeconfig`);
  writeFileSync(path, JSON.stringify({ ...config, users }), { mode: 0o600 });
  return path;
}

/** Runs the measurement on a host that can reach the API server. */
function measure(lab: Lab, order: Order): Promise<void> {
  const file = join(import.meta.dirname, 'allocate-run.ts');
  const child = lab.controlPlane.spawn([process.execPath, file, JSON.stringify(order)], { stdio: 'inherit' });
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('exit', (code, signal) =>
      code === 0 ? done() : failed(new Error(`the measurement ended with ${signal ?? `code ${code}`}`)),
    );
  });
}
