import { type Command } from 'commander';

import { processCommand } from '../process-command.ts';
import { serveServer } from './serve.ts';
import { serverSchema } from './settings.ts';

export function serverCommand(): Command {
  return processCommand({
    name: 'server',
    about: 'run a server of the control plane: what users and agents ask',
    schema: serverSchema,
    examples: [
      'photon plasma server --name a --data-dir ./data/a',
      'photon plasma server --name b --data-dir ./data/b --position 1 --listen 127.0.0.1:7170 \\',
      '  --listen-metrics 127.0.0.1:17170 --servers 127.0.0.1:7070,127.0.0.1:7170 \\',
      '  --chainfire 127.0.0.1:2379,127.0.0.1:2381',
      'photon plasma server --config /etc/photon/plasma-server.toml',
    ],
    serve: serveServer,
  });
}
