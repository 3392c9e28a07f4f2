/** A host of a running lab, for tests: its addresses, and commands in its namespaces. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { insideNode } from './node.ts';
import { type HostPlan, hostLink } from './plan.ts';
import { recordOf } from './processes.ts';
import { noProxy, type Result, type RunOptions, run } from './run.ts';
import { forgetProcess, recordProcess } from './state.ts';

/** The record name of processes that tests start. Such a process may end at any time. */
export const spawnedName = 'spawned';

/** A host on the lab's bridge. */
export interface LabHost {
  /** "node1" and so on, "client" or "control-plane". */
  readonly name: string;
  readonly ip: string;
  readonly ipv6: string;
  readonly mac: string;
  /** Its interface on the bridge. */
  readonly link: string;
  /** The name of its network namespace. */
  readonly namespace: string;
  /** Runs a command on the host to its end. An exit code never throws. On a node, the command sees the node's files and processes. */
  exec(argv: readonly string[], options?: Pick<RunOptions, 'timeoutMs' | 'input' | 'env'>): Promise<Result>;
  /**
   * Starts a long-running command in the host's network namespace. It does not enter a node's PID and mount
   * namespaces, so the child's pid is the pid of the command. `killNode` and the end of the lab kill it.
   */
  spawn(argv: readonly string[], options?: SpawnOptions): ChildProcess;
  /** A command prefix that runs a command on the host. */
  command(): readonly string[];
}

/** Creates the host of a plan. */
export function hostOf(id: string, plan: HostPlan): LabHost {
  const { name, namespace, ip, ipv6, mac } = plan;
  const inNetwork = ['ip', 'netns', 'exec', namespace];
  const command = () => ('pods' in plan ? insideNode(id, name).argv : inNetwork);
  // On a node, nsenter(1) is the parent of the command. Without this, the command would survive the kill at its timeout.
  const mortal = ['setpriv', '--pdeathsig', 'KILL'];
  return {
    ...{ name, namespace, ip, ipv6, mac, link: hostLink, command },
    exec: async (argv, options = {}) =>
      run([...command(), ...mortal, ...argv], { ...options, env: { ...noProxy, ...options.env } }),
    spawn: (argv, options = {}) => {
      const [program = '', ...args] = [...inNetwork, ...argv];
      const child = spawn(program, args, { ...options, env: { ...process.env, ...noProxy, ...options.env } });
      const record = recordOf(child, { name: spawnedName, host: name });
      recordProcess(id, record);
      child.once('exit', () => forgetProcess(id, record));
      return child;
    },
  };
}
