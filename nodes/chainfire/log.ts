import { destination, type Logger, pino, stdTimeFunctions } from 'pino';

import { type ChainfireSettings } from './settings.ts';

/** One JSON object a line on stderr, written at once: the last line before a crash is the one that is wanted. */
export function newLogger(settings: Pick<ChainfireSettings, 'name' | 'logLevel'>): Logger {
  return pino(
    {
      level: settings.logLevel,
      base: { system: 'chainfire', member: settings.name, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest: 2, sync: true }),
  );
}
