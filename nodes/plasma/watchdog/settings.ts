import { type ProcessSchema, required, type Settings, withDefault } from '../../../adapters/config/schema.ts';
import { integer, path } from '../../../adapters/config/values.ts';
import { logLevel } from '../../process/common-settings.ts';

const settings = {
  dataDir: required(path(), "The watchdog's directory: its lock, and the socket watchdog.sock"),
  idleSeconds: withDefault(
    integer({ min: 1, max: 86_400, unit: 'seconds' }),
    30,
    'After so long without an agent, and with nothing to guard, it ends',
  ),
  logLevel,
} as const;

export const watchdogSchema: ProcessSchema<typeof settings> = {
  command: 'photon plasma watchdog',
  environmentPrefix: 'PHOTON_PLASMA_WATCHDOG',
  settings,
};

export type WatchdogSettings = Settings<typeof settings>;
