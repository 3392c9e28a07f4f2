/** A host of a running lab, as tests see it: its addresses, and commands in its namespaces. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { insideNode } from './node.ts';
import { type HostPlan, hostLink } from './plan.ts';
import { recordOf } from './processes.ts';
import { noProxy, type Result, type RunOptions, run } from './run.ts';
import { forgetProcess, recordProcess } from './state.ts';

/** Name of the record of what tests start: it may end at any time. */
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
  /** Name of its network namespace. */
  readonly namespace: string;
  /** Runs a command on the host to its end; never throws on an exit code. On a node it sees the node's files and processes. */
  exec(argv: readonly string[], options?: Pick<RunOptions, 'timeoutMs' | 'input' | 'env'>): Promise<Result>;
  /**
   * Starts a long-running command in the host's network namespace (not among a node's processes and mounts, so that
   * its pid is the command's own). It ends with the lab, or with killNode, at the latest.
   */
  spawn(argv: readonly string[], options?: SpawnOptions): ChildProcess;
  /** The command that runs what follows it on the host. */
  command(): readonly string[];
}

/** Makes the host of a plan. */
export function hostOf(id: string, plan: HostPlan): LabHost {
  const { name, namespace, ip, ipv6, mac } = plan;
  const inNetwork = ['ip', 'netns', 'exec', namespace];
  const command = () => ('pods' in plan ? insideNode(id, name).argv : inNetwork);
  // On a node, nsenter(1) is the parent of the command, which otherwise lived on when its time is up.
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
