import {
  optional,
  type ProcessSchema,
  required,
  type Settings,
  withDefault,
} from '../../../adapters/config/schema.ts';
import {
  address,
  bool,
  integer,
  memberNamePattern,
  oneOf,
  path,
  text,
} from '../../../adapters/config/values.ts';

const tib = 1_024 ** 4;

const settings = {
  name: required(
    text({
      placeholder: '<name>',
      allowed: 'a name of 1 to 63 letters, digits, ".", "_" and "-" that begins with a letter or digit',
      pattern: memberNamePattern,
    }),
    "This storage node's name",
  ),
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
  certFile: optional(path(), 'Certificate that agents are shown, in PEM'),
  keyFile: optional(path(), 'Private key of cert_file, in PEM'),
  trustedCaFile: optional(
    path(),
    'Authorities that may vouch for agents, in PEM: only certificates with a name photon://plasma/<node> are let in',
  ),
  clientCertAuth: withDefault(
    bool(),
    false,
    'Whoever asks must show a certificate that an authority in trusted_ca_file vouches for',
  ),
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
  logLevel: withDefault(
    oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
    'info',
    'Lines of the log below this level are left out',
  ),
} as const;

export const storageSchema: ProcessSchema<typeof settings> = {
  command: 'photon plasma storage',
  environmentPrefix: 'PHOTON_PLASMA_STORAGE',
  settings,
};

export type StorageSettings = Settings<typeof settings>;
