import { Command } from 'commander';

import { agentCommand } from './agent/command.ts';
import { serverCommand } from './server/command.ts';
import { storageCommand } from './storage/command.ts';
import { watchdogCommand } from './watchdog/command.ts';

export function plasmaCommand(): Command {
  return new Command('plasma')
    .description('run a process of PlasmaVMC')
    .addCommand(serverCommand())
    .addCommand(agentCommand())
    .addCommand(watchdogCommand())
    .addCommand(storageCommand());
}
