/** Makes sure that the programs which the network namespace tests run are installed. */
import { ensurePrerequisites } from '../lab/prerequisites.ts';

/** Installs missing programs. */
export async function globalSetup(): Promise<void> {
  await ensurePrerequisites((line) => process.stderr.write(`net: ${line}\n`));
}
