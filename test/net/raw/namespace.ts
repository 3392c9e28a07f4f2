/** A network namespace that is this test process's own: it goes with the process, and costs no other program. */
import { execFileSync } from 'node:child_process';
import koffi from 'koffi';

/** CLONE_NEWNET of unshare(2). */
const networkNamespace = 0x4000_0000;

/** From now on the sockets of this thread, and the programs that it starts, are in a new network namespace with these links. */
export function enterNewNamespace(links: readonly string[]): void {
  const unshare = koffi.load(null).func('int unshare(int flags)');
  if (unshare(networkNamespace) !== 0) throw new Error(`unshare: errno ${koffi.errno()}`);
  // A pair, because not every kernel has links of the kind "dummy".
  for (const [i, name] of links.entries()) {
    execFileSync('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `far${i}`]);
    execFileSync('ip', ['link', 'set', name, 'up']);
  }
}
