/** The log: one JSON object per line on standard output. */
import { pino } from 'pino';

/** Logs with a constant message and facts as keys. */
export type Logger = pino.Logger;

/** Levels, from most to least talkative. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/** A logger for one role. Errors are logged by what they say; with level `debug` also by where they come from. */
export function createLogger(role: string, level: string): Logger {
  return pino({
    level,
    base: { role },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: level === 'debug' ? pino.stdSerializers.err : briefly },
  });
}

function briefly(error: unknown): unknown {
  return error instanceof Error ? error.message : error;
}
