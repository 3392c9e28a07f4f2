/** Reads a part of the facts that may be missing. */
import { Failure } from '../output/failure.ts';
import type { ReadResult } from './facts.ts';

/** Reads a part; a Failure becomes the reason in the result. */
export async function tryRead<T>(read: () => Promise<T>): Promise<ReadResult<T>> {
  try {
    return { value: await read() };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { why: error.message };
  }
}
