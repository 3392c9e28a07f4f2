/** Runs one program to its end, and returns its output and its exit code. */
import { spawn } from 'node:child_process';

/** The result of a program that has ended. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run a program. */
export interface RunOptions {
  readonly timeoutMs?: number;
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with each piece of standard error when it arrives, to show progress. */
  readonly onStderr?: (text: string) => void;
}

const proxyNames = ['http_proxy', 'https_proxy', 'all_proxy', 'ftp_proxy'];

/** The environment of programs in the lab. They must not use an HTTP proxy that the user has configured. */
export const noProxy: Readonly<Record<string, string>> = Object.fromEntries(
  proxyNames.flatMap((name) => [name, name.toUpperCase()]).map((name) => [name, '']),
);

/** The exit code of a program that was killed at its timeout, as with timeout(1). */
export const timeoutCode = 124;

/** The exit code of a program that could not be started, as in a shell. */
export const notFoundCode = 127;

/** The exit code of a program that was ended by a signal from elsewhere. A shell returns it for SIGKILL. */
const signalledCode = 137;

/** Runs `argv`, and waits for its end. An exit code never throws: a program that does not exist has 127, a timeout has 124. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
  const [program = '', ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let timedOut = false;
    const expire = () => {
      timedOut = true;
      child.kill('SIGKILL');
      // A grandchild may still hold the pipes: do not wait for it.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(expire, options.timeoutMs);
    child.stdout?.on('data', (piece: Buffer) => out.push(piece));
    child.stderr?.on('data', (piece: Buffer) => {
      err.push(piece);
      options.onStderr?.(piece.toString());
    });
    // If the program ends without reading its input, there is an EPIPE. It adds nothing to the exit code.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
    const finish = (code: number, note = '') => {
      clearTimeout(timer);
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() + note });
    };
    child.on('error', (error) => finish(notFoundCode, `${program}: ${error.message}`));
    child.on('close', (code) => {
      if (timedOut) finish(timeoutCode, `${program}: no end within ${options.timeoutMs} ms\n`);
      else finish(code ?? signalledCode);
    });
  });
}

/** Runs `argv`, and returns its standard output. Throws with its standard error if it fails. */
export async function mustRun(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options);
  if (result.code === 0) return result.stdout;
  const said = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-20).join('\n');
  throw new Error(`${argv.slice(0, 8).join(' ')} failed with code ${result.code}: ${said}`);
}
