/** The way back to MetalLB: its programs are started again, its speakers first. */
import { takeOverAnnotation } from '../../api/service.ts';
import type { Session } from '../cluster/session.ts';
import type { Workload } from '../doctor/facts.ts';
import type { Answer } from '../output/answer.ts';
import { wrong } from '../output/failure.ts';
import { rolledBackWords } from './last-words.ts';
import { isStopped, ready, start, titleOfWorkload } from './programs.ts';
import { readPrograms, readServices } from './read-metallb.ts';
import { missingRights } from './rights.ts';
import { endTakeOvers } from './take-over.ts';

/** Starts what a migration has stopped. Throws a Failure before any change if a right is missing. */
export async function rollBack(session: Session): Promise<Answer> {
  const reach = await session.reach();
  const programs = await readPrograms(reach);
  if (programs.length === 0) throw wrong('MetalLB is not installed: no Deployment or DaemonSet of it was found');
  const stopped: Workload[] = [];
  for (const one of programs) if (await isStopped(one, reach)) stopped.push(one);
  const marked = (await readServices(reach)).filter(
    (one) => one.metadata.annotations?.[takeOverAnnotation] !== undefined,
  );
  const missing = await missingRights({ pools: [], advertisements: [], services: marked, programs: stopped }, reach);
  if (missing.length > 0) throw wrong(`nothing was changed: ${missing.map(({ what }) => what).join('; ')}`);
  const connection = { session, reach };
  await endTakeOvers(marked, reach);
  // Without speakers no node announces the addresses that the controller assigns.
  for (const kind of ['DaemonSet', 'Deployment'] as const) {
    const some = stopped.filter((one) => one.kind === kind);
    for (const one of some) await start(one, connection);
    for (const one of some) await ready(one, connection);
  }
  return {
    facts: { started: stopped.map(titleOfWorkload) },
    text: () => (stopped.length === 0 ? 'nothing to start: MetalLB was not stopped\n' : rolledBackWords),
  };
}
