import { Command, Option } from 'commander';

import { flagHelp } from '../../adapters/config/describe.ts';
import { ConfigError } from '../../adapters/config/resolve.ts';
import { DataDirError } from '../../adapters/data-dir/data-dir-error.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { mayPass } from '../process/may-pass.ts';
import { configVariable, readSettings } from '../process/read-settings.ts';
import { StartError } from '../process/start-error.ts';
import { serve } from './serve.ts';
import { chronikSchema } from './settings.ts';

const examples = `
Settings are taken from their defaults, then the file of --config, then the environment
(${chronikSchema.environmentPrefix}_DATA_DIR for --data-dir, and so on), then flags.

Examples:
  photon chronik serve --name a --data-dir ./data/a --initial-cluster a=127.0.0.1:9091
  photon chronik serve --config /etc/photon/chronik.toml --log-level debug
  kcat -b 127.0.0.1:9092 -L

Exit codes: 0 stopped; 1 it failed, and may do better at the next start; 2 it refuses, and would refuse again.
SIGTERM and SIGINT stop the broker in order: others lead what it led before it goes. SIGKILL at any moment loses nothing that
was acknowledged (with flush_policy always; see the configuration's reference). A process that was started with an IPC
channel stops when its parent is gone.
`;

export function chronikCommand(): Command {
  const serveCommand = new Command('serve')
    .description('run one broker of a Chronik cluster, for clients of Kafka')
    .option('--config <path>', `TOML file with settings (or ${configVariable(chronikSchema)})`)
    .addHelpText('after', examples)
    .action(async (options: Record<string, string | undefined>) => {
      const { config, ...flags } = options;
      try {
        process.exitCode = await serve(readSettings(chronikSchema, config, flags));
      } catch (error) {
        if (error instanceof ConfigError || error instanceof DataDirError || error instanceof StartError) {
          const code = mayPass(error) ? exitCodes.failed : exitCodes.refused;
          throw new ExitError(`photon chronik serve: ${error.message}`, code, { cause: error });
        }
        throw error;
      }
    });
  for (const { flags, about } of flagHelp(chronikSchema.settings))
    serveCommand.addOption(new Option(flags, about));
  return new Command('chronik').description('run a broker of a Chronik cluster').addCommand(serveCommand);
}
