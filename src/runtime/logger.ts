/** The log: one JSON object per line on standard output. */
import { readFile } from 'node:fs/promises';
import { pino } from 'pino';

/** Logs with a constant message and facts as keys. */
export type Logger = pino.Logger;

/** Levels, from most to least talkative. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/** A logger for one role. Errors are logged by what they say; while the level is `debug` also by where they come from. */
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

/** How often the file of the level is read. */
const rereadMs = 5_000;

/**
 * Takes the level from a file (a ConfigMap, which changes while the process runs), and again whenever it says another one. While there is no
 * file, or no level in it, the one of before stays. Ends with the signal.
 */
export async function followLevel(log: Logger, file: string, signal: AbortSignal): Promise<void> {
  let told = '';
  const look = async () => {
    const text = await readFile(file, 'utf8').then(
      (all) => all.trim(),
      (error: NodeJS.ErrnoException) => `${error.code}`,
    );
    if (text === told || signal.aborted) return;
    told = text;
    const level = logLevels.find((one) => one === text);
    if (level === undefined) log.warn({ file, said: text, level: log.level }, 'log level not understood: it stays');
    else if (level !== log.level) {
      log.level = level;
      log.info({ level }, 'log level changed');
    }
  };
  await look();
  const timer = setInterval(() => void look(), rereadMs).unref();
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

function briefly(error: unknown): unknown {
  return error instanceof Error ? error.message : error;
}
