/** Describes the machine of a measurement, because numbers mean nothing without it. */
import { arch, cpus, release } from 'node:os';

/** Returns one line: cores, processor, kernel, version of Node. */
export function machineLine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  return `${processors.length} cores (${model}, ${arch()}), Linux ${release()}, Node ${process.version}`;
}
