import { readFileSync } from 'node:fs';

import { ConfigError, resolveSettings } from '../../adapters/config/resolve.ts';
import { chainfireSchema, type ChainfireSettings } from './settings.ts';

/** Where the configuration file may be named beside the flag. */
export const configVariable = `${chainfireSchema.environmentPrefix}_CONFIG`;

/** @throws ConfigError */
export function readSettings(
  configFlag: string | undefined,
  flags: Record<string, string | undefined>,
): ChainfireSettings {
  const name = configFlag ?? process.env[configVariable];
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
  return resolveSettings(chainfireSchema, {
    file,
    environment: process.env,
    flags,
    environmentReserved: [configVariable],
  });
}
