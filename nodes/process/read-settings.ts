import { readFileSync } from 'node:fs';

import { ConfigError, resolveSettings } from '../../adapters/config/resolve.ts';
import { type ProcessSchema, type Schema, type Settings } from '../../adapters/config/schema.ts';

/** Where the configuration file may be named beside the flag. */
export function configVariable(schema: Pick<ProcessSchema<Schema>, 'environmentPrefix'>): string {
  return `${schema.environmentPrefix}_CONFIG`;
}

/** @throws ConfigError */
export function readSettings<S extends Schema>(
  schema: ProcessSchema<S>,
  configFlag: string | undefined,
  flags: Record<string, string | undefined>,
): Settings<S> {
  const variable = configVariable(schema);
  const name = configFlag ?? process.env[variable];
  let file: { name: string; content: string } | undefined;
  if (name !== undefined) {
    try {
      file = { name, content: readFileSync(name, 'utf8') };
    } catch (error) {
      throw new ConfigError(`cannot read the configuration file ${name}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  return resolveSettings(schema, { file, environment: process.env, flags, environmentReserved: [variable] });
}
