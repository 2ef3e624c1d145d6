import {
  optional,
  type ProcessSchema,
  required,
  type Settings,
  withDefault,
} from '../../../adapters/config/schema.ts';
import { address, integer, oneOf, path } from '../../../adapters/config/values.ts';
import { logLevel, processName } from '../../process/common-settings.ts';
import { securitySettings } from '../security.ts';

const tib = 1_024 ** 4;

const settings = {
  name: processName("This storage node's name"),
  dataDir: required(
    path(),
    'Directory that holds the disks and what is known of their owners; made when it does not exist',
  ),
  listen: withDefault(
    address(),
    { host: '127.0.0.1', port: 7072 },
    'Address for agents: photon.plasma.v1.StorageService',
  ),
  listenNbd: withDefault(
    address(),
    { host: '127.0.0.1', port: 10809 },
    'Address at which hypervisors find disks, over NBD; it is not encrypted, and whoever reaches it is let in under the name of an export',
  ),
  nbdSocket: optional(
    path(),
    'Unix socket at which hypervisors of this machine find disks; by default nbd.sock in data_dir',
  ),
  advertisedNbd: optional(
    address(),
    'Where hypervisors are told to find disks, where that is not listen_nbd; needed where its host is 0.0.0.0 or [::]',
  ),
  advertise: withDefault(
    oneOf(['tcp', 'unix']),
    'tcp',
    'Whether hypervisors are told the address or, where they are all on this machine, the unix socket',
  ),
  listenMetrics: withDefault(
    address(),
    { host: '127.0.0.1', port: 17072 },
    'Address for /metrics, /health and /ready',
  ),
  ...securitySettings,
  disksMax: withDefault(integer({ min: 1, max: 100_000 }), 10_000, 'Disks; further ones are refused'),
  diskBytesMax: withDefault(
    integer({ min: 512, max: 1_024 * tib, unit: 'bytes' }),
    64 * tib,
    'A larger disk is refused',
  ),
  connectionsMax: withDefault(
    integer({ min: 1, max: 100_000 }),
    1_024,
    'Connections of hypervisors at once; further ones are closed',
  ),
  logLevel,
} as const;

export const storageSchema: ProcessSchema<typeof settings> = {
  command: 'photon plasma storage',
  environmentPrefix: 'PHOTON_PLASMA_STORAGE',
  settings,
};

export type StorageSettings = Settings<typeof settings>;
