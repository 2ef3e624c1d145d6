import { Command } from 'commander';

import { storageCommand } from './storage/command.ts';

export function plasmaCommand(): Command {
  return new Command('plasma').description('run a process of PlasmaVMC').addCommand(storageCommand());
}
