import { type Command } from 'commander';

import { processCommand } from '../process-command.ts';
import { serve } from './serve.ts';
import { storageSchema } from './settings.ts';

export function storageCommand(): Command {
  return processCommand({
    name: 'storage',
    about: 'serve shared disks to hypervisors, each to the newest of its writers alone',
    schema: storageSchema,
    examples: [
      'photon plasma storage --name s1 --data-dir ./data/s1',
      'photon plasma storage --config /etc/photon/storage.toml --log-level debug',
      'qemu-nbd --list -k ./data/s1/nbd.sock',
    ],
    serve,
  });
}
