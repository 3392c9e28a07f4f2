/** Gives a run of tests one cluster: `node --test --test-global-setup=test/lab/global-setup.ts`. BERTH_LAB names it. */
import { filesVariable } from '../runner/stage.ts';
import { downLab, upLab } from './cluster.ts';
import { downOnInterrupt } from './interrupt.ts';
import { buildFor } from './needs.ts';

const id = process.env.BERTH_LAB ?? 'test';
const log = (line: string) => process.stderr.write(`lab: ${line}\n`);

/** Set, it leaves the cluster for a look at it; the next run starts from what is there. */
const keep = process.env.BERTH_LAB_KEEP !== undefined;

/** Brings a cluster of three nodes with Berth's image up. */
export async function globalSetup(): Promise<void> {
  if (!keep) downOnInterrupt(id);
  // Tests shall find a new cluster, not what a run that was killed has left in it.
  if (!keep) await downLab(id);
  const lab = await upLab({ id, nodes: 3, log });
  try {
    await lab.buildBerth();
    // Without the runner of scripts/test.ts, the files are Node's own arguments.
    await buildFor(process.env[filesVariable]?.split('\n') ?? process.argv.slice(1), log);
  } catch (error) {
    if (!keep) await downLab(id);
    throw error;
  }
  process.env.BERTH_LAB = id;
}

/** Takes it down. */
export async function globalTeardown(): Promise<void> {
  if (!keep) await downLab(id);
}
