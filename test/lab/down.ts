/** Takes a lab down, from what it left on disk and in the kernel alone: also after its maker was killed half-way. */
import { namespaceIds, namespacesOf, removeNamespaces } from './network.ts';
import { checkId } from './plan.ts';
import { end, isAlive, processesIn, signal } from './processes.ts';
import { bootId, forgetProcess, readProcesses, readState, removeState, writeState } from './state.ts';

const ownerGraceMs = 15_000;

/** Searches for processes before giving up: what is killed may have forked just before. */
const maxSweeps = 10;

/** Id of the lab when none is named. */
export const defaultId = 'lab';

/** Removes a lab with all that it has: processes, namespaces, mounts and files. No error when there is none. */
export async function downLab(id: string = defaultId): Promise<void> {
  checkId(id);
  await stopOwner(id);
  await killHosts(id);
  await removeNamespaces(namespacesOf(id));
  removeState(id);
}

/** Kills everything of one host, or of all, at once and without warning, and waits until it is gone. */
export async function killHosts(
  id: string,
  host?: { readonly name: string; readonly namespace: string },
): Promise<void> {
  const recorded = readProcesses(id, host?.name);
  // All first, so that none sees another one die.
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

/** Ends the process that is still bringing the lab up, unless that is this one. */
async function stopOwner(id: string): Promise<void> {
  const state = readState(id);
  if (state === undefined || state.bootId !== bootId()) return;
  const { owner, phase } = state;
  writeState({ ...state, phase: 'stopping' });
  if (phase === 'starting' && owner.pid !== process.pid && isAlive(owner)) await end([owner], ownerGraceMs);
}
