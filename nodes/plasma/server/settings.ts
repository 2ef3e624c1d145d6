import {
  optional,
  type ProcessSchema,
  required,
  type Settings,
  withDefault,
} from '../../../adapters/config/schema.ts';
import { address, addresses, integer, path, text } from '../../../adapters/config/values.ts';
import { logLevel, processName } from '../../process/common-settings.ts';
import { securitySettings } from '../security.ts';

export const serversMax = 9;

const settings = {
  name: processName("This server's name"),
  dataDir: required(path(), 'Directory for images; made when it does not exist. All else is in Chainfire'),
  listen: withDefault(
    address(),
    { host: '127.0.0.1', port: 7070 },
    'Address for users and agents: photon.plasma.v1',
  ),
  listenMetrics: withDefault(
    address(),
    { host: '127.0.0.1', port: 17070 },
    'Address for /metrics, /health and /ready',
  ),
  position: withDefault(
    integer({ min: 0, max: serversMax - 1 }),
    0,
    'Place of this server among the servers, from 0: the same in what agents and users are told',
  ),
  servers: optional(
    addresses({ countMax: serversMax }),
    'All servers in order of their positions, this one too: who leads is named to callers by it, and images are fetched from the others',
  ),
  chainfire: withDefault(
    addresses({ countMax: 32 }),
    [{ host: '127.0.0.1', port: 2379 }],
    'Members of the Chainfire cluster that keeps everything',
  ),
  chainfireCaFile: optional(
    path(),
    'Authorities that vouch for members of Chainfire, in PEM; with it they are spoken to over TLS',
  ),
  storage: optional(
    address(),
    'The storage node of the agents: the leader has the data of deleted shared disks removed there',
  ),
  prefix: withDefault(
    text({
      placeholder: '<prefix>',
      allowed: 'a prefix of 1 to 128 printable ASCII characters without space',
      pattern: /^[\x21-\x7e]{1,128}$/,
    }),
    '/photon/plasma/',
    'What all keys in Chainfire begin with',
  ),
  operators: withDefault(
    text({
      placeholder: '<name,…>',
      allowed: 'a list of names of users',
      pattern: /^[A-Za-z0-9._@-]+(,[A-Za-z0-9._@-]+)*$/,
    }),
    'operator',
    'Users who may do everything that users can; others have the project of their own name',
  ),
  overcommitCpu: withDefault(
    integer({ min: 100, max: 10_000, unit: 'percent' }),
    400,
    'Processors of virtual machines, in percent of those of their node',
  ),
  imageBytesMax: withDefault(
    integer({ min: 512, max: 1_024 ** 5, unit: 'bytes' }),
    1_024 ** 4,
    'A larger image file is refused',
  ),
  ...securitySettings,
  logLevel,
} as const;

export const serverSchema: ProcessSchema<typeof settings> = {
  command: 'photon plasma server',
  environmentPrefix: 'PHOTON_PLASMA_SERVER',
  settings,
};

export type ServerSettings = Settings<typeof settings>;
