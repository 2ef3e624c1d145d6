import { Command, Option } from 'commander';

import { flagHelp } from '../../adapters/config/describe.ts';
import { ConfigError } from '../../adapters/config/resolve.ts';
import { type ProcessSchema, type Schema, type Settings } from '../../adapters/config/schema.ts';
import { DataDirError } from '../../adapters/data-dir/data-dir-error.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { mayPass } from '../process/may-pass.ts';
import { configVariable, readSettings } from '../process/read-settings.ts';
import { StartError } from '../process/start-error.ts';

export interface ProcessCommand<S extends Schema> {
  readonly name: string;
  readonly about: string;
  readonly schema: ProcessSchema<S>;
  readonly examples: readonly string[];
  /** Resolves with the exit code. @throws ConfigError, DataDirError or StartError when it must not start */
  serve(settings: Settings<S>): Promise<number>;
}

/** A process as a command: its settings as flags, and what it refuses as an exit code. */
export function processCommand<S extends Schema>(parts: ProcessCommand<S>): Command {
  const { name, about, schema, examples } = parts;
  const command = new Command(name)
    .description(about)
    .option('--config <path>', `TOML file with settings (or ${configVariable(schema)})`)
    .addHelpText('after', helpText(schema, examples))
    .action(async (options: Record<string, string | undefined>) => {
      const { config, ...flags } = options;
      try {
        process.exitCode = await parts.serve(readSettings(schema, config, flags));
      } catch (error) {
        if (error instanceof ConfigError || error instanceof DataDirError || error instanceof StartError) {
          const code = mayPass(error) ? exitCodes.failed : exitCodes.refused;
          throw new ExitError(`${schema.command}: ${error.message}`, code, { cause: error });
        }
        throw error;
      }
    });
  for (const { flags, about: flagAbout } of flagHelp(schema.settings))
    command.addOption(new Option(flags, flagAbout));
  return command;
}

function helpText({ environmentPrefix }: { environmentPrefix: string }, examples: readonly string[]): string {
  return `
Settings are taken from their defaults, then the file of --config, then the environment
(${environmentPrefix}_LISTEN for --listen, and so on), then flags.

Examples:
${examples.map((line) => `  ${line}`).join('\n')}

Exit codes: 0 stopped; 1 it failed, and may do better at the next start; 2 it refuses, and would refuse again.
`;
}
