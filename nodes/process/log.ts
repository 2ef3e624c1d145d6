import { destination, type Level, type Logger, pino, stdTimeFunctions } from 'pino';

/** One JSON object a line on stderr, written at once: the last line before a crash is the one that is wanted. */
export function newLogger(level: Level, base: Readonly<Record<string, string>>): Logger {
  return pino(
    {
      level,
      base: { ...base, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest: 2, sync: true }),
  );
}
