/** What a measurement was made on: numbers mean nothing without it. */
import { arch, cpus, release } from 'node:os';

/** One line: cores, processor, kernel, Node. */
export function machineLine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  return `${processors.length} cores (${model}, ${arch()}), Linux ${release()}, Node ${process.version}`;
}
