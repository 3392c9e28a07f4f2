/** Runs the command line tool as a user of the lab's client host. */
import type { Lab, Result } from '../lab/cluster.ts';

const program = new URL('../../src/kubectl-berth.ts', import.meta.url).pathname;

/** Runs `kubectl-berth ARGS...` as the administrator. */
export function runCli(lab: Lab, ...args: readonly string[]): Promise<Result> {
  return lab.client.exec([process.execPath, program, '--kubeconfig', lab.kubeconfig, ...args]);
}

/** Runs it with `-o json`, and returns its answer, whatever its exit status is. */
export async function askCli<T>(lab: Lab, ...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await runCli(lab, ...args, '-o', 'json');
  if (stdout.trim() === '') throw new Error(`kubectl-berth ${args.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}
