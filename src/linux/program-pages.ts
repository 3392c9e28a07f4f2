/**
 * Gives back the memory of the program's own code that is not in use. Node maps its binary, and a start goes through most of it: some 45 MB that
 * count as this process's memory from then on, of which its work needs a few. The kernel brings a page back from its cache when it is needed again.
 */
import { readFileSync } from 'node:fs';
import { adviseMemory } from './libc.ts';

/** MADV_DONTNEED of madvise(2): of a file's mapping that was never written to, the next access reads the same bytes from the file again. */
const dontNeed = 4;

/** A mapping as proc_pid_smaps(5) tells it. */
export interface Mapping {
  readonly start: bigint;
  readonly length: number;
  /** Bytes of it that are in memory. */
  readonly resident: number;
}

/** The mappings of files that are read or run, and of which no page is this process's own: relocations were written to some. */
export function cleanMappings(smaps: string): readonly Mapping[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((text) => {
    const head = /^([0-9a-f]+)-([0-9a-f]+) r-[-x]p [0-9a-f]+ \S+ (\d+)/.exec(text);
    const own = /^Anonymous: +(\d+) kB/m.exec(text);
    const resident = /^Rss: +(\d+) kB/m.exec(text);
    if (head === null || head[3] === '0' || own?.[1] !== '0' || resident === null) return [];
    const start = BigInt(`0x${head[1]}`);
    return [{ start, length: Number(BigInt(`0x${head[2]}`) - start), resident: Number(resident[1]) * 1024 }];
  });
}

/** Gives all of them back. How many bytes that were; it takes some 30 ms. Throws a SystemError where the kernel refuses it. */
export function dropProgramPages(): number {
  let dropped = 0;
  for (const { start, length, resident } of cleanMappings(readFileSync('/proc/self/smaps', 'utf8'))) {
    adviseMemory(start, length, dontNeed);
    dropped += resident;
  }
  return dropped;
}
