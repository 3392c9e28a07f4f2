/** Starts programs of this folder in the network namespaces of Pods. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { LabHost } from '../lab/cluster.ts';

/**
 * Starts a program of this folder in the network of a Pod, but with this machine's Node and files: the image of the Pod does not have
 * them. `pid` is a process of the Pod. Returns when the program has printed `ready`.
 */
export async function startInPod(node: LabHost, pid: string, program: readonly string[]): Promise<ChildProcess> {
  const [file = '', ...words] = program;
  const path = new URL(`./${file}`, import.meta.url).pathname;
  const [first = '', ...rest] = node.command();
  const mortal = ['setpriv', '--pdeathsig', 'KILL'];
  const argv = [...rest, ...mortal, 'nsenter', '--target', pid, '--net', process.execPath, path, ...words];
  const child = spawn(first, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  if (!String(ready[0]).startsWith('ready')) throw new Error(`${file} on ${node.name} ended`);
  return child;
}
