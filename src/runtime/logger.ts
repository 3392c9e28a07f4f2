/** The log: one JSON object per line on standard output. */
import { pino } from 'pino';

/** Logs with a constant message and facts as keys. */
export type Logger = pino.Logger;

/** Levels, from most to least talkative. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/** A logger for one role. */
export function createLogger(role: string, level: string): Logger {
  return pino({
    level,
    base: { role },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}
