/** Skipper, a real Ingress controller, as an image for the nodes. */
import { ensureProgram } from './binaries.ts';
import { ensureProgramImage } from './program-image.ts';
import type { Log } from './progress.ts';

/** The name that Pods ask for. */
export const skipperName = 'localhost/skipper:lab';

/** The archive of its image. */
export async function skipperImage(log: Log): Promise<string> {
  return ensureProgramImage({ image: skipperName, programs: [await ensureProgram('skipper', log)], args: [] }, log);
}
