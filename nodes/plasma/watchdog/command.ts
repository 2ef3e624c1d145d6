import { type Command } from 'commander';

import { processCommand } from '../process-command.ts';
import { serveWatchdog } from './serve.ts';
import { watchdogSchema } from './settings.ts';

export function watchdogCommand(): Command {
  return processCommand({
    name: 'watchdog',
    about:
      "run a node's watchdog, which kills what must stop when its agent does not; agents start their own",
    schema: watchdogSchema,
    examples: ['photon plasma watchdog --data-dir ./data/n1/watchdog'],
    serve: serveWatchdog,
  });
}
