import { Command, Option } from 'commander';

import { flagHelp } from '../../adapters/config/describe.ts';
import { ConfigError } from '../../adapters/config/resolve.ts';
import { DataDirError } from '../../adapters/data-dir/data-dir-error.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { namespaceCommand } from './namespace/command.ts';
import { mayPass } from '../process/may-pass.ts';
import { configVariable, readSettings } from '../process/read-settings.ts';
import { serve } from './serve.ts';
import { chainfireSchema } from './settings.ts';
import { snapshotCommand } from './snapshot/command.ts';
import { StartError } from '../process/start-error.ts';

const examples = `
Settings are taken from their defaults, then the file of --config, then the environment
(${chainfireSchema.environmentPrefix}_DATA_DIR for --data-dir, and so on), then flags.

Examples:
  photon chainfire serve --name a --data-dir ./data/a --initial-cluster a=127.0.0.1:2380
  photon chainfire serve --config /etc/photon/chainfire.toml --log-level debug

Exit codes: 0 stopped; 1 it failed, and may do better at the next start; 2 it refuses, and would refuse again.
SIGTERM and SIGINT stop the member in order; SIGKILL at any moment loses nothing that was acknowledged. A process that
was started with an IPC channel stops when its parent is gone.
`;

export function chainfireCommand(): Command {
  const serveCommand = new Command('serve')
    .description('run one member of a Chainfire cluster')
    .option('--config <path>', `TOML file with settings (or ${configVariable(chainfireSchema)})`)
    .addHelpText('after', examples)
    .action(async (options: Record<string, string | undefined>) => {
      const { config, ...flags } = options;
      try {
        process.exitCode = await serve(readSettings(chainfireSchema, config, flags));
      } catch (error) {
        if (error instanceof ConfigError || error instanceof DataDirError || error instanceof StartError) {
          const code = mayPass(error) ? exitCodes.failed : exitCodes.refused;
          throw new ExitError(`photon chainfire serve: ${error.message}`, code, { cause: error });
        }
        throw error;
      }
    });
  for (const { flags, about } of flagHelp(chainfireSchema.settings))
    serveCommand.addOption(new Option(flags, about));
  return new Command('chainfire')
    .description('run a member of a Chainfire cluster, back a cluster up, set limits to namespaces')
    .addCommand(serveCommand)
    .addCommand(snapshotCommand())
    .addCommand(namespaceCommand());
}
