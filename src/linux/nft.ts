/** Runs nft(8): transactions and listings of the kernel's packet filter. */
import { spawn } from 'node:child_process';

/**
 * Why nft failed. `NoNft`: the program is missing; `NotPermitted`: CAP_NET_ADMIN is missing; `TimedOut`: it did not end in time, and was
 * killed; `Refused`: anything else.
 */
export const nftReasons = ['NoNft', 'NotPermitted', 'TimedOut', 'Refused'] as const;

/** nft failed. No part of the transaction has taken effect. */
export class NftError extends Error {
  readonly reason: (typeof nftReasons)[number];

  constructor(reason: NftError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The most characters of nft's error output that are kept. It repeats the refused line, which may be as long as a table. */
const mostErrorText = 2_000;
/** nft reads all tables again as long as other programs change them. It must not hold up the renewal of our rules for ever. Milliseconds. */
const mostMs = 60_000;

/** Runs commands as one transaction, and returns the output of nft. Rejects with an {@link NftError}. */
export function nft(commands: string, args: readonly string[] = []): Promise<string> {
  return run([...args, '-f', '-'], commands);
}

/**
 * The JSON output of a listing command. Rejects with an {@link NftError}. The command is passed as arguments, because with --json nft reads
 * no commands from a socket, which its standard input is here.
 */
export async function nftJson<T>(...words: readonly string[]): Promise<T> {
  return JSON.parse(await run(['--json', ...words], '')) as T;
}

/** The version of nft; undefined if it is not installed. */
export async function nftVersion(): Promise<string | undefined> {
  const output = await run(['--version'], '').catch(() => '');
  return /v(\d[\d.]*)/.exec(output)?.[1];
}

function run(argv: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('nft', argv, { stdio: ['pipe', 'pipe', 'pipe'] });
    let [output, errors, isLate] = ['', '', false];
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, mostMs);
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(0, mostErrorText)));
    // nft may exit before it has read all its input. Its exit status and error output show the reason.
    child.stdin.on('error', () => undefined);
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(new NftError(error.code === 'ENOENT' ? 'NoNft' : 'Refused', error.message));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve(output);
      if (isLate) return reject(new NftError('TimedOut', `nft did not end within ${mostMs / 1_000} s`));
      const isForbidden = errors.includes('Operation not permitted');
      reject(new NftError(isForbidden ? 'NotPermitted' : 'Refused', errors.trim() || `nft ended by ${signal ?? code}`));
    });
    child.stdin.end(input);
  });
}
