/**
 * Starts the clusters of a test run, one for each lane: `node --test --test-global-setup=test/lab/global-setup.ts`.
 * BERTH_LAB is the name of the first cluster.
 */
import { filesVariable, lanesVariable, numberIn } from '../runner/variables.ts';
import { downLab, type Lab, upLab } from './cluster.ts';
import { downOnInterrupt } from './interrupt.ts';
import { buildFor } from './needs.ts';
import { idOfLane } from './shared.ts';

const ids = Array.from({ length: numberIn(lanesVariable) }, (_, i) => idOfLane(i + 1));
const log = (line: string) => process.stderr.write(`lab: ${line}\n`);

/** BERTH_LAB_KEEP keeps the clusters, so that a person can look at them. The next run with it uses them again. */
const keep = process.env.BERTH_LAB_KEEP !== undefined;

/** Starts clusters of three nodes with Berth's image. */
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

/** Removes the clusters. */
export async function globalTeardown(): Promise<void> {
  if (!keep) await Promise.all(ids.map((id) => downLab(id)));
}

async function up(id: string): Promise<Lab> {
  if (!keep) downOnInterrupt(id);
  // Tests need a new cluster, without objects of an earlier run that was killed.
  if (!keep) await downLab(id);
  return upLab({ id, nodes: 3, log });
}
