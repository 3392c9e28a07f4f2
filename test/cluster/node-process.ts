/** Finds processes on a node of the lab by their command line. */
import type { LabHost } from '../lab/cluster.ts';

/**
 * The ids of the processes whose command line matches a basic regular expression (grep(1)), as the node numbers them. The command line of
 * the search contains the expression: an expression with brackets does not match itself.
 */
export async function processesOf(node: LabHost, expression: string): Promise<readonly string[]> {
  const script = `for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline | grep -q '${expression}' && echo \${p#/proc/}; done`;
  const { stdout } = await node.exec(['sh', '-c', `{ ${script}; } 2>/dev/null`]);
  return stdout.split('\n').filter((line) => line !== '');
}

/** Clock ticks per second of the times in /proc (`getconf CLK_TCK`): 100 on every architecture that Linux runs Node on. */
const ticksPerSecond = 100;

/** The CPU time of a process on a node with all its threads, in milliseconds (proc(5)). */
export async function cpuMsOf(node: LabHost, pid: string): Promise<number> {
  const { stdout } = await node.exec(['cat', `/proc/${pid}/stat`]);
  // The name of the program, in parentheses, may contain spaces.
  const [user, system] = stdout
    .slice(stdout.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (((user ?? 0) + (system ?? 0)) * 1_000) / ticksPerSecond;
}
