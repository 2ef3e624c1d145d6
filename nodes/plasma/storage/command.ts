import { Command, Option } from 'commander';

import { flagHelp } from '../../../adapters/config/describe.ts';
import { ConfigError } from '../../../adapters/config/resolve.ts';
import { DataDirError } from '../../../adapters/data-dir/data-dir-error.ts';
import { exitCodes, ExitError } from '../../exit.ts';
import { mayPass } from '../../process/may-pass.ts';
import { configVariable, readSettings } from '../../process/read-settings.ts';
import { StartError } from '../../process/start-error.ts';
import { serve } from './serve.ts';
import { storageSchema } from './settings.ts';

const examples = `
Settings are taken from their defaults, then the file of --config, then the environment
(${storageSchema.environmentPrefix}_DATA_DIR for --data-dir, and so on), then flags.

Examples:
  photon plasma storage --name s1 --data-dir ./data/s1
  photon plasma storage --config /etc/photon/storage.toml --log-level debug
  qemu-nbd --list -k ./data/s1/nbd.sock

Exit codes: 0 stopped; 1 it failed, and may do better at the next start; 2 it refuses, and would refuse again.
SIGKILL at any moment loses nothing that was flushed, and lets nobody write who was fenced off.
`;

export function storageCommand(): Command {
  const command = new Command('storage')
    .description('serve shared disks to hypervisors, each to the newest of its writers alone')
    .option('--config <path>', `TOML file with settings (or ${configVariable(storageSchema)})`)
    .addHelpText('after', examples)
    .action(async (options: Record<string, string | undefined>) => {
      const { config, ...flags } = options;
      try {
        process.exitCode = await serve(readSettings(storageSchema, config, flags));
      } catch (error) {
        if (error instanceof ConfigError || error instanceof DataDirError || error instanceof StartError) {
          const code = mayPass(error) ? exitCodes.failed : exitCodes.refused;
          throw new ExitError(`photon plasma storage: ${error.message}`, code, { cause: error });
        }
        throw error;
      }
    });
  for (const { flags, about } of flagHelp(storageSchema.settings))
    command.addOption(new Option(flags, about));
  return command;
}
