/** MetalLB from its Go module: its programs, its manifest and its sample objects. */
import { join } from 'node:path';
import { ensureProgram } from './binaries.ts';
import { ensureProgramImage } from './program-image.ts';
import type { Log } from './progress.ts';
import { mustRun } from './run.ts';

const roles = ['controller', 'speaker'] as const;

/** The folder of the Go module from which the lab builds MetalLB. */
export async function metalLbFolder(): Promise<string> {
  const cwd = join(import.meta.dirname, 'tools/metallb-controller');
  const text = await mustRun(['go', 'mod', 'download', '-json', 'go.universe.tf/metallb'], { cwd });
  return (JSON.parse(text) as { readonly Dir: string }).Dir;
}

/** The archives of MetalLB's images: `localhost/metallb-controller:lab` and `localhost/metallb-speaker:lab`. */
export async function metalLbImages(log: Log): Promise<readonly string[]> {
  const archives: string[] = [];
  for (const role of roles) {
    const program = await ensureProgram(`metallb-${role}`, log);
    archives.push(
      await ensureProgramImage({ image: `localhost/metallb-${role}:lab`, programs: [program], args: [] }, log),
    );
  }
  return archives;
}
