import {
  optional,
  type ProcessSchema,
  required,
  type Settings,
  withDefault,
} from '../../../adapters/config/schema.ts';
import { address, addresses, integer, oneOf, path, text } from '../../../adapters/config/values.ts';
import { logLevel } from '../../process/common-settings.ts';
import { securitySettings } from '../security.ts';
import { serversMax } from '../server/settings.ts';

const mib = 1_048_576;

const settings = {
  name: required(
    text({
      placeholder: '<name>',
      allowed: 'a name of 1 to 63 small letters, digits, "." and "-"',
      pattern: /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/,
    }),
    "This node's name",
  ),
  dataDir: required(
    path(),
    'Directory for virtual machines, images and the journal; made when it does not exist',
  ),
  listen: withDefault(
    address(),
    { host: '127.0.0.1', port: 7071 },
    'Address for servers: consoles of virtual machines',
  ),
  advertised: optional(address(), 'Where servers find this agent, where that is not listen'),
  listenMetrics: withDefault(
    address(),
    { host: '127.0.0.1', port: 17071 },
    'Address for /metrics, /health and /ready',
  ),
  servers: withDefault(
    addresses({ countMax: serversMax }),
    [{ host: '127.0.0.1', port: 7070 }],
    'Servers of the control plane, each at its position',
  ),
  storage: optional(address(), 'Storage node of shared disks; without it there are none'),
  migrationHost: withDefault(
    text({ placeholder: '<host>', allowed: 'a host', pattern: /^[A-Za-z0-9.:_-]{1,255}$/ }),
    '127.0.0.1',
    'Address at which virtual machines wait for their state from other nodes: of a network of nodes alone',
  ),
  accelerator: withDefault(
    oneOf(['auto', 'kvm', 'tcg']),
    'auto',
    'What runs guests; auto: the fastest that has run one at start',
  ),
  qemu: withDefault(
    text({ placeholder: '<program>', allowed: 'a program', pattern: /^.{1,4096}$/ }),
    'qemu-system-x86_64',
    'The hypervisor',
  ),
  qemuImg: withDefault(
    text({ placeholder: '<program>', allowed: 'a program', pattern: /^.{1,4096}$/ }),
    'qemu-img',
    'What makes disks',
  ),
  cpus: optional(
    integer({ min: 1, max: 65_536 }),
    'Processors to give away; by default those of the machine',
  ),
  memoryBytes: optional(
    integer({ min: mib, max: 1_024 ** 5, unit: 'bytes' }),
    'Memory to give away; by default four fifths of that of the machine',
  ),
  diskBytes: optional(
    integer({ min: mib, max: 1_024 ** 6, unit: 'bytes' }),
    'Local disk to give away; by default what is free below data_dir at start',
  ),
  labels: withDefault(
    text({
      placeholder: '<name=value,…>',
      allowed: 'a list name=value,name=value',
      pattern: /^([A-Za-z0-9._/-]{1,63}=[A-Za-z0-9._/-]{0,63}(,|$))*$/,
    }),
    '',
    'Labels of this node',
  ),
  onStop: withDefault(
    oneOf(['keep', 'kill']),
    'keep',
    'What becomes of virtual machines when the agent is told to stop: they go on, or are killed',
  ),
  ...securitySettings,
  logLevel,
} as const;

export const agentSchema: ProcessSchema<typeof settings> = {
  command: 'photon plasma agent',
  environmentPrefix: 'PHOTON_PLASMA_AGENT',
  settings,
};

export type AgentProcessSettings = Settings<typeof settings>;

/** `a=1,b=2`. */
export function labelsOf(list: string): Readonly<Record<string, string>> {
  if (list === '') return {};
  return Object.fromEntries(
    list.split(',').map((pair) => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
