/**
 * A cluster without Pods for faults of the control plane: a real etcd and API server, and Berth's roles as processes from source, each
 * with the rights and the service account of its Pod.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { answeringMacs, ingressOf, namespace, poolManifest } from '../cluster/berth.ts';
import { ensureBinaries } from '../lab/binaries.ts';
import { repository } from '../lab/cache.ts';
import { downLab, Lab, type LabHost } from '../lab/cluster.ts';
import { contextOf, type LabContext, linkPrograms } from '../lab/context.ts';
import { apiPort, createCredentials, startApi } from '../lab/control-plane.ts';
import { downOnInterrupt } from '../lab/interrupt.ts';
import { createNetwork } from '../lab/network.ts';
import { eventually } from '../lab/poll.ts';
import { createState, type LabState, planOf, writeState } from '../lab/state.ts';

/** A role of Berth, by the name of its service account. */
type Account = 'berth-controller' | 'berth-speaker';

/** A line of a role's log. */
interface LogLine {
  readonly msg: string;
  readonly level: string;
  readonly time: string;
}

const log = (line: string) => process.stderr.write(`lab: ${line}\n`);
const main = join(repository, 'src/main.ts');
const accounts: readonly Account[] = ['berth-controller', 'berth-speaker'];

/** The stage of one test. */
export class Stage {
  readonly context: LabContext;
  /** The lab. It is opened again when its authority has changed. */
  lab: Lab;
  /** The log of all roles. */
  readonly lines: (LogLine & { readonly role: string })[] = [];
  readonly #state: LabState;
  readonly #children: ChildProcess[] = [];
  readonly #isBehindService: boolean;
  /** Where the roles find the API server. */
  readonly #server: { readonly host: string; readonly port: number };

  private constructor(state: LabState, context: LabContext, behindService: boolean) {
    this.#state = state;
    this.context = context;
    this.lab = new Lab(state, log);
    this.#isBehindService = behindService;
    const { plan } = context;
    this.#server = behindService
      ? { host: plan.services.replace(/0\/\d+$/, '1'), port: 443 }
      : { host: plan.controlPlane.ip, port: apiPort };
  }

  /** Starts etcd, the API server, and the chart's objects. With `behindService` the roles use the address of the Service `kubernetes`. */
  static async open(name: string, { nodes = 2, behindService = false } = {}): Promise<Stage> {
    const id = `${process.env.BERTH_LAB ?? 'test'}${name}`.slice(0, 16);
    await downLab(id);
    downOnInterrupt(id);
    const binaries = await ensureBinaries(log);
    const state = createState({ id, nodes, proxyMode: 'iptables', dualStackNodes: true, binaries });
    const context = contextOf(planOf(state), binaries, log);
    linkPrograms(context);
    await Promise.all([createNetwork(context.plan), createCredentials(context)]);
    await startApi(context);
    const running: LabState = { ...state, phase: 'running' };
    writeState(running);
    const stage = new Stage(running, context, behindService);
    await stage.#makeObjects();
    for (const account of accounts) await stage.giveIdentity(account);
    return stage;
  }

  /** Starts a controller, and a speaker on the first two nodes. */
  async start(): Promise<void> {
    const key = join(this.lab.stateDir, 'liveness-keys');
    await writeFile(key, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    const hosts = this.lab.nodes.slice(0, 2);
    const alive = hosts.flatMap(({ name }) => ['--assume-alive', name]);
    // Only nodes have a kube-proxy, which leads to the Service.
    const here = (this.#isBehindService && hosts[0]) || this.lab.controlPlane;
    this.#keepRunning(here, 'berth-controller', ['controller', '--health', '127.0.0.1:18081']);
    for (const host of hosts) {
      const args = ['speaker', '--node-name', host.name, '--liveness-key', key, ...alive];
      this.#keepRunning(host, 'berth-speaker', args);
    }
    await this.lab.apply(poolManifest('main', this.lab.subnet.vips));
  }

  /** Ends everything. */
  async close(): Promise<void> {
    for (const child of this.#children) child.removeAllListeners('exit');
    await downLab(this.lab.id);
  }

  /** Gives an account a new token, and the present authority, as the kubelet does. */
  async giveIdentity(account: Account): Promise<void> {
    const folder = this.#folderOf(account);
    await mkdir(folder, { recursive: true });
    const args = ['create', 'token', account, '--namespace', namespace, '--duration=8h'];
    await writeFile(join(folder, 'token.new'), await this.lab.kubectl(args));
    await copyFile(join(this.context.pki, 'ca.crt'), join(folder, 'ca.crt.new'));
    for (const file of ['token', 'ca.crt']) await rename(join(folder, `${file}.new`), join(folder, file));
  }

  /** Opens the lab again, with the present authority. */
  reopen(): void {
    this.lab = new Lab(this.#state, log);
  }

  /** Makes a Service of type LoadBalancer. */
  createService(name: string, spec = ''): Promise<void> {
    const more = spec === '' ? '' : `, ${spec}`;
    return this.lab.apply(`
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { type: LoadBalancer, ports: [{ port: 80 }]${more} }
`);
  }

  /** Waits until a Service has an address and one node answers for it. Returns the address. */
  async served(name: string, withinMs: number): Promise<string> {
    return eventually(
      `${name} has an address, and one node answers for it`,
      async () => {
        const address = await ingressOf(this.lab, name);
        return address !== '' && (await answeringMacs(this.lab, address)).size === 1 && address;
      },
      { timeoutMs: withinMs },
    );
  }

  /** Waits until no node answers for an address. */
  async silent(address: string, withinMs: number): Promise<void> {
    const isSilent = async () => (await answeringMacs(this.lab, address)).size === 0;
    await eventually(`no node answers for ${address}`, isSilent, { timeoutMs: withinMs });
  }

  /** The last lines of the log, for a failure. */
  get tail(): string {
    return this.lines
      .slice(-40)
      .map((line) => JSON.stringify(line))
      .join('\n');
  }

  /** Starts a role, and again whenever it ends, as the kubelet does. */
  #keepRunning(host: LabHost, account: Account, args: readonly string[]): void {
    const folder = '/run/secrets/kubernetes.io/serviceaccount';
    // `ip netns exec` has made a mount namespace of its own.
    const script = `mount -t tmpfs tmpfs /run && mkdir -p ${folder} && mount --bind ${this.#folderOf(account)} ${folder} && exec "$@"`;
    const argv = ['sh', '-c', script, 'sh', process.execPath, main, ...args, '--namespace', namespace];
    const env = { KUBERNETES_SERVICE_HOST: this.#server.host, KUBERNETES_SERVICE_PORT: `${this.#server.port}` };
    const child = host.spawn(argv, { stdio: ['ignore', 'pipe', 'inherit'], env });
    this.#children.push(child);
    assert.ok(child.stdout);
    createInterface(child.stdout).on('line', (line) => {
      this.lines.push({ ...(JSON.parse(line) as LogLine), role: `${args[0]} ${host.name}` });
    });
    child.once('exit', () => this.#keepRunning(host, account, args));
  }

  #folderOf(account: Account): string {
    return join(this.context.stateDir, account);
  }

  /** The chart without its Pods, and the nodes. */
  async #makeObjects(): Promise<void> {
    const { lab } = this;
    await lab.kubectl(['create', 'namespace', namespace]);
    const chart = join(repository, 'charts/berth');
    const rendered = await lab.helm(['template', 'berth', chart, '--namespace', namespace, '--include-crds']);
    const documents = rendered.split(/^---$/m).filter((each) => !/^kind: (Deployment|DaemonSet|Job)$/m.test(each));
    await lab.apply(documents.join('---\n'));
    await lab.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
    for (const { name, ip, ipv6 } of lab.nodes) {
      await lab.apply(`{ apiVersion: v1, kind: Node, metadata: { name: ${name} } }`);
      const addresses = [ip, ipv6].map((address) => ({ type: 'InternalIP', address }));
      const conditions = [{ type: 'Ready', status: 'True', reason: 'Bare', message: 'it runs no Pods' }];
      await lab.api.patch('nodes', name, { subresource: 'status', status: { addresses, conditions } });
    }
  }
}
