/** Moves this test process into a network namespace, so that it needs no other program to act there. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';

/** CLONE_NEWNET of unshare(2) and setns(2). */
const networkNamespace = 0x4000_0000;

/**
 * Moves this thread into a new network namespace with these links. From now on its sockets, and the
 * programs that it starts, are there. The namespace ends with the process.
 */
export function enterNewNamespace(links: readonly string[]): void {
  const unshare = koffi.load(null).func('int unshare(int flags)');
  if (unshare(networkNamespace) !== 0) throw new Error(`unshare: errno ${koffi.errno()}`);
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  // A pair, because not every kernel has links of the kind "dummy".
  for (const [i, name] of links.entries()) {
    execFileSync('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `far${i}`]);
    execFileSync('ip', ['link', 'set', name, 'up']);
  }
}

/** The same, with an existing namespace that has a name. */
export function enterNamespace(name: string): void {
  const setns = koffi.load(null).func('int setns(int fd, int type)');
  const file = openSync(`/run/netns/${name}`, 'r');
  const result = setns(file, networkNamespace);
  closeSync(file);
  if (result !== 0) throw new Error(`setns to ${name}: errno ${koffi.errno()}`);
}
