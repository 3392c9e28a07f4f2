/** An image of Skipper, a real Ingress controller, for the nodes. */
import { ensureProgram } from './binaries.ts';
import { ensureProgramImage } from './program-image.ts';
import type { Log } from './progress.ts';

/** The name of the image in the spec of Pods. */
export const skipperName = 'localhost/skipper:lab';

/** The archive of the image. */
export async function skipperImage(log: Log): Promise<string> {
  return ensureProgramImage({ image: skipperName, programs: [await ensureProgram('skipper', log)], args: [] }, log);
}
