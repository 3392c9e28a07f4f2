/**
 * A file of values that is complete or absent. It contains each value as serialized by `node:v8`, after its length, and at the end a SHA-256
 * over everything. It is written under another name and then renamed.
 */
import { createHash } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';

const lengthBytes = 4;
const digestBytes = 32;

/** Writes the values one at a time, so that other work of the process continues in between. Rejects if the file cannot be written. */
export async function writeValues(file: string, values: Iterable<unknown>): Promise<void> {
  const fresh = `${file}.new`;
  // A crash of the process leaves the old file or a complete new one. The file need not survive a crash of the machine.
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

/** The values of a file. Rejects with an Error with code `ENOENT` if there is no file, `EBADMSG` if it is damaged. */
export async function readValues(file: string): Promise<readonly unknown[]> {
  const bytes = await readFile(file);
  const end = bytes.length - digestBytes;
  if (end < 0) throw damaged('the file is too short');
  const digest = createHash('sha256').update(bytes.subarray(0, end)).digest();
  if (!digest.equals(bytes.subarray(end))) throw damaged('the checksum of the file is wrong');
  const values: unknown[] = [];
  try {
    for (let at = 0; at < end; ) {
      const length = bytes.readUInt32LE(at);
      values.push(deserialize(bytes.subarray(at + lengthBytes, at + lengthBytes + length)));
      at += lengthBytes + length;
    }
  } catch (cause) {
    // A version of Node.js with another format wrote it.
    throw damaged('the values cannot be decoded', cause);
  }
  return values;
}

function damaged(why: string, cause?: unknown): Error {
  return Object.assign(new Error(why, { cause }), { code: 'EBADMSG' });
}
