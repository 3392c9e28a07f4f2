/**
 * Releases memory with the program's code that is not in use. Node.js maps its binary, and a start reads most of it. These 45 MB count as
 * memory of this process from then on, although it needs only a few of them. The kernel reads a page from its cache again when it is needed.
 */
import { readFileSync } from 'node:fs';
import { adviseMemory } from './libc.ts';

/** MADV_DONTNEED of madvise(2). If a file's mapping was never written to, the next access reads the same bytes from the file again. */
const dontNeed = 4;

/** A mapping of proc_pid_smaps(5). */
interface Mapping {
  readonly start: bigint;
  readonly length: number;
  /** Bytes of it that are in memory. */
  readonly resident: number;
}

/**
 * The readable, not writable mappings of files without private pages. Some mappings have private pages, because relocations were
 * written.
 */
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

/** Releases all these mappings, and returns the number of bytes. It takes about 30 ms. Throws a SystemError if the kernel refuses. */
export function dropProgramPages(): number {
  let dropped = 0;
  for (const { start, length, resident } of cleanMappings(readFileSync('/proc/self/smaps', 'utf8'))) {
    adviseMemory(start, length, dontNeed);
    dropped += resident;
  }
  return dropped;
}
