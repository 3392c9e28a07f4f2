/**
 * Gives a run of tests its clusters, one for each file that runs at a time: `node --test --test-global-setup=test/lab/global-setup.ts`.
 * BERTH_LAB names the first one.
 */
import { filesVariable, lanesVariable, numberIn } from '../runner/variables.ts';
import { downLab, type Lab, upLab } from './cluster.ts';
import { downOnInterrupt } from './interrupt.ts';
import { buildFor } from './needs.ts';
import { idOfLane } from './shared.ts';

const ids = Array.from({ length: numberIn(lanesVariable) }, (_, i) => idOfLane(i + 1));
const log = (line: string) => process.stderr.write(`lab: ${line}\n`);

/** Set, it leaves the clusters for a look at them; the next run starts from what is there. */
const keep = process.env.BERTH_LAB_KEEP !== undefined;

/** Brings clusters of three nodes with Berth's image up. */
export async function globalSetup(): Promise<void> {
  try {
    for (const [lane, id] of ids.entries()) {
      const lab = await up(id);
      await (lane === 0 ? lab.buildBerth() : lab.importBerth());
    }
    // Without the runner of scripts/test.ts, the files are Node's own arguments.
    await buildFor(process.env[filesVariable]?.split('\n') ?? process.argv.slice(1), log);
  } catch (error) {
    await globalTeardown();
    throw error;
  }
}

/** Takes them down. */
export async function globalTeardown(): Promise<void> {
  if (!keep) await Promise.all(ids.map((id) => downLab(id)));
}

async function up(id: string): Promise<Lab> {
  if (!keep) downOnInterrupt(id);
  // Tests shall find a new cluster, not what a run that was killed has left in it.
  if (!keep) await downLab(id);
  return upLab({ id, nodes: 3, log });
}
