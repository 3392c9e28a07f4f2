/** The kernel's packet filter by way of nft(8): whole transactions in, listings out. */
import { spawn } from 'node:child_process';

/** What kinds of trouble there are: `NoNft` there is no such program; `NotPermitted` CAP_NET_ADMIN is missing; `Refused` anything else. */
export const nftReasons = ['NoNft', 'NotPermitted', 'Refused'] as const;

/** nft refused a transaction: none of it has taken effect. */
export class NftError extends Error {
  readonly reason: (typeof nftReasons)[number];

  constructor(reason: NftError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** So much of what nft says is kept: it repeats the line that it does not like, which may be as long as a table. */
const mostErrorText = 2_000;

/** Carries out commands as one transaction and gives what nft prints. Rejects with an {@link NftError}. */
export function nft(commands: string, args: readonly string[] = []): Promise<string> {
  return run([...args, '-f', '-'], commands);
}

/** What a command lists, as JSON. Rejects with an {@link NftError}. With --json nft reads no commands from a socket, which is what it gets here. */
export async function nftJson<T>(...words: readonly string[]): Promise<T> {
  return JSON.parse(await run(['--json', ...words], '')) as T;
}

/** The version that nft says it has; undefined where there is none. */
export async function nftVersion(): Promise<string | undefined> {
  const said = await run(['--version'], '').catch(() => '');
  return /v(\d[\d.]*)/.exec(said)?.[1];
}

function run(argv: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('nft', argv, { stdio: ['pipe', 'pipe', 'pipe'] });
    let [output, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(0, mostErrorText)));
    // It may end before it has read everything: its status says why.
    child.stdin.on('error', () => undefined);
    child.on('error', (error: NodeJS.ErrnoException) => {
      reject(new NftError(error.code === 'ENOENT' ? 'NoNft' : 'Refused', error.message));
    });
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(output);
      const isForbidden = errors.includes('Operation not permitted');
      reject(new NftError(isForbidden ? 'NotPermitted' : 'Refused', errors.trim() || `nft ended by ${signal ?? code}`));
    });
    child.stdin.end(input);
  });
}
