/**
 * Removes a lab. It needs only the lab's files and its state in the kernel. So it also works after the process that
 * was starting the lab has been killed.
 */
import { namespaceIds, namespacesOf, removeNamespaces } from './network.ts';
import { checkId } from './plan.ts';
import { end, isAlive, processesIn, signal } from './processes.ts';
import { bootId, forgetProcess, readProcesses, readState, removeState, writeState } from './state.ts';

const ownerGraceMs = 15_000;

/** How many times to search for processes, because a process may have forked just before it was killed. */
const maxSweeps = 10;

/** The id of the lab if none is given. */
export const defaultId = 'lab';

/** Removes a lab: its processes, namespaces, mounts and files. It is no error if there is no such lab. */
export async function downLab(id: string = defaultId): Promise<void> {
  checkId(id);
  await stopOwner(id);
  await killHosts(id);
  await removeNamespaces(namespacesOf(id));
  removeState(id);
}

/** Kills all processes of one host, or of all hosts, at once and without warning. Waits until they are gone. */
export async function killHosts(
  id: string,
  host?: { readonly name: string; readonly namespace: string },
): Promise<void> {
  const recorded = readProcesses(id, host?.name);
  // Signal all of them first, so that no process sees the end of another one.
  signal(recorded, 'SIGKILL');
  await end(recorded, 0);
  for (const record of recorded) forgetProcess(id, record);
  const namespaces = host === undefined ? namespacesOf(id) : [host.namespace];
  for (let sweep = 0; sweep < maxSweeps; sweep += 1) {
    const found = processesIn(namespaceIds(namespaces), host?.name ?? '');
    if (found.length === 0) return;
    await end(found, 0);
  }
  throw new Error(`lab ${id}: new processes keep appearing in ${namespaces.join(' ')}`);
}

/** Ends the process that is still starting the lab, unless it is this process. */
async function stopOwner(id: string): Promise<void> {
  const state = readState(id);
  if (state === undefined || state.bootId !== bootId()) return;
  const { owner, phase } = state;
  writeState({ ...state, phase: 'stopping' });
  if (phase === 'starting' && owner.pid !== process.pid && isAlive(owner)) await end([owner], ownerGraceMs);
}
