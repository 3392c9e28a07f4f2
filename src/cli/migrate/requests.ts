/** How a migration writes and waits. */
import { wait } from '../../runtime/wait.ts';
import { ask } from '../cluster/read.ts';
import type { Reach, Session } from '../cluster/session.ts';
import { wrong } from '../output/failure.ts';

const pollMs = 300;
/** Longer than the minute that Berth waits before it writes to a status that another program has written to. */
export const timeoutMs = 90_000;

/** Sends a JSON merge patch (RFC 7396). */
export async function mergePatch(reach: Reach, path: string, body: object): Promise<void> {
  await ask(reach, { path, body, method: 'PATCH', contentType: 'application/merge-patch+json' }, 'patch');
}

/** Waits for a condition. Returns false after the timeout; throws a Failure when the user interrupts. */
export async function until(isSo: () => Promise<boolean>, session: Session): Promise<boolean> {
  const begin = performance.now();
  while (!(await isSo())) {
    unlessInterrupted(session);
    if (performance.now() - begin > timeoutMs) return false;
    await wait(pollMs, session.signal);
  }
  return true;
}

/** Throws a Failure if the user has interrupted the command. */
export function unlessInterrupted({ signal }: Pick<Session, 'signal'>): void {
  if (signal.aborted) throw wrong('interrupted');
}
