/**
 * A file of values that is there as a whole or not at all: each value as `node:v8` serializes it, behind its length, and at the end a SHA-256
 * over everything. It is written beside its place and moved there.
 */
import { createHash } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';

const lengthBytes = 4;
const digestBytes = 32;

/** Writes the values, one at a time: whatever else the process does goes on in between. Rejects where the file cannot be written. */
export async function writeValues(file: string, values: Iterable<unknown>): Promise<void> {
  const fresh = `${file}.new`;
  // A crash leaves the old file, or a new one that is whole; it need not outlive the machine.
  const handle = await open(fresh, 'w', 0o600);
  try {
    const hash = createHash('sha256');
    const append = async (bytes: Uint8Array) => {
      hash.update(bytes);
      await handle.appendFile(bytes);
    };
    for (const value of values) {
      const body = serialize(value);
      const length = Buffer.alloc(lengthBytes);
      length.writeUInt32LE(body.length);
      await append(Buffer.concat([length, body]));
    }
    await handle.appendFile(hash.digest());
  } catch (error) {
    await handle.close();
    await rm(fresh, { force: true });
    throw error;
  }
  await handle.close();
  await rename(fresh, file);
}

/** The values of a file. Rejects with an Error whose `code` is `ENOENT` where there is none, `EBADMSG` where it is damaged. */
export async function readValues(file: string): Promise<readonly unknown[]> {
  const bytes = await readFile(file);
  const end = bytes.length - digestBytes;
  if (end < 0) throw damaged('it is too short');
  const digest = createHash('sha256').update(bytes.subarray(0, end)).digest();
  if (!digest.equals(bytes.subarray(end))) throw damaged('it is not what was written');
  const values: unknown[] = [];
  try {
    for (let at = 0; at < end; ) {
      const length = bytes.readUInt32LE(at);
      values.push(deserialize(bytes.subarray(at + lengthBytes, at + lengthBytes + length)));
      at += lengthBytes + length;
    }
  } catch (cause) {
    // Written by a Node whose format is another one.
    throw damaged('it cannot be read', cause);
  }
  return values;
}

function damaged(why: string, cause?: unknown): Error {
  return Object.assign(new Error(why, { cause }), { code: 'EBADMSG' });
}
