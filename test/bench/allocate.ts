/** The allocation bench: how fast Services get addresses on a real API server, and what that costs. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { downLab, downOnInterrupt, type Lab, upLab } from '../lab/cluster.ts';
import { phase } from '../lab/progress.ts';
import { mustRun } from '../lab/run.ts';
import { mostServices, servicesNamespace } from './allocate-objects.ts';

const id = 'allocate';
const namespace = 'berth-system';
const root = new URL('../..', import.meta.url).pathname;
const log = (line: string) => console.error(`bench: ${line}`);

/** What `allocate-run.ts` is told. */
export interface Order {
  /** The lab's. */
  readonly id: string;
  /** How many Services, one measurement each. */
  readonly services: readonly number[];
  /** What follows `node` to run the bundled program. */
  readonly program: readonly string[];
  /** Where Berth is installed. */
  readonly namespace: string;
  readonly controllerAccount: string;
  readonly controllerKubeconfig: string;
  readonly speakerKubeconfig: string;
  /** Three speakers, or their watches only. */
  readonly speakers: 'run' | 'watch';
  /** Folder for CPU profiles of Berth's processes. */
  readonly profile?: string | undefined;
}

/** What is measured. */
export type AllocateOptions = Pick<Order, 'services' | 'speakers' | 'profile'>;

/** Brings a cluster of one node up, measures, prints a table and takes the cluster down. */
export async function benchAllocate(options: AllocateOptions): Promise<void> {
  const most = Math.max(...options.services);
  if (most > mostServices) throw new Error(`the lab has addresses for ${mostServices} Services, not for ${most}`);
  downOnInterrupt(id);
  try {
    // Nothing of a run that was killed may be in the way.
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

/** The bundle in a place where no later build replaces it, and the words that start it in a container. */
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

/** All of the chart but its Pods: the roles run as processes of the bench, with the rights that they have in a cluster. */
async function install(lab: Lab): Promise<void> {
  for (const name of [namespace, servicesNamespace]) await lab.kubectl(['create', 'namespace', name]);
  const chart = join(root, 'charts/berth');
  const rendered = await lab.helm(['template', 'berth', chart, '--namespace', namespace, '--include-crds']);
  const documents = rendered.split(/^---$/m).filter((each) => !/^kind: (Deployment|DaemonSet)$/m.test(each));
  await lab.apply(documents.join('---\n'));
  await lab.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
}

/** Logs in by a token, as a Pod does. The administrator's requests would pass all queues of the API server. */
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

/** Runs the measuring where the API server can be reached. */
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
