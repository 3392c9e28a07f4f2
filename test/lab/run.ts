/** Runs one program to its end and gives what it wrote and its exit code. */
import { spawn } from 'node:child_process';

/** What a finished program left behind. */
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
  /** Called with each piece of standard error as it comes, for progress. */
  readonly onStderr?: (text: string) => void;
}

const proxyNames = ['http_proxy', 'https_proxy', 'all_proxy', 'ftp_proxy'];

/** Environment of programs in the lab: a proxy that the user has outside is nothing to them. */
export const noProxy: Readonly<Record<string, string>> = Object.fromEntries(
  proxyNames.flatMap((name) => [name, name.toUpperCase()]).map((name) => [name, '']),
);

/** Exit code of a program that was killed because its time was up, as timeout(1) gives it. */
export const timeoutCode = 124;

/** Exit code of a program that could not be started, as a shell gives it. */
export const notFoundCode = 127;

/** Exit code of a program ended by a signal that nobody here sent, as a shell would give it for SIGKILL. */
const signalledCode = 137;

/** Runs `argv` and waits for its end. Never throws on an exit code: a program that does not exist gives 127, one out of time 124. */
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
    // The program may end without reading its input: EPIPE then says nothing that the exit code does not.
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

/** Runs `argv` and gives its standard output; throws with its standard error when it fails. */
export async function mustRun(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options);
  if (result.code === 0) return result.stdout;
  const said = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-20).join('\n');
  throw new Error(`${argv.slice(0, 8).join(' ')} failed with code ${result.code}: ${said}`);
}
