/** Makes sure that the programs are there that the tests in network namespaces run. */
import { ensurePrerequisites } from '../lab/prerequisites.ts';

/** Installs what is missing. */
export async function globalSetup(): Promise<void> {
  await ensurePrerequisites((line) => process.stderr.write(`net: ${line}\n`));
}
