/** The log: one JSON object per line on standard output. */
import { readFile } from 'node:fs/promises';
import { pino } from 'pino';

/** A logger. Messages are constant; variable facts are keys. */
export type Logger = pino.Logger;

/** The levels, from most to least verbose. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/** A logger for one role. Errors are logged with their message; with level `debug` also with their stack. */
export function createLogger(role: string, level: string): Logger {
  const log: Logger = pino({
    level,
    base: { role },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: {
      err: (error: unknown) =>
        log.level === 'debug' && error instanceof Error ? pino.stdSerializers.err(error) : briefly(error),
    },
  });
  return log;
}

/** How often the file with the level is read. */
const rereadMs = 5_000;

/**
 * Sets the level from a file (a ConfigMap, which changes while the process runs), and again whenever the file changes. If there is no file,
 * or no valid level in it, the current level stays. Ends with the signal.
 */
export async function followLevel(log: Logger, file: string, signal: AbortSignal): Promise<void> {
  let last = '';
  const reread = async () => {
    const text = await readFile(file, 'utf8').then(
      (all) => all.trim(),
      (error: NodeJS.ErrnoException) => `${error.code}`,
    );
    if (text === last || signal.aborted) return;
    last = text;
    const level = logLevels.find((one) => one === text);
    if (level === undefined) log.warn({ file, text, level: log.level }, 'unknown log level: the current one stays');
    else if (level !== log.level) {
      log.level = level;
      log.info({ level }, 'log level changed');
    }
  };
  await reread();
  const timer = setInterval(() => void reread(), rereadMs).unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

function briefly(error: unknown): unknown {
  return error instanceof Error ? error.message : error;
}
