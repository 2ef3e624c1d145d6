import { bool, message, nested, optional, repeated, text, uint32, uint64 } from '../../wire/protobuf.ts';
import { choice, labels } from './fields.ts';

/** Messages of what virtual machines and nodes are, used by several services. Numbers of fields are never used again. */

export const ResourcesMessage = message('Resources', {
  cpuMilli: uint64(1),
  memoryBytes: uint64(2),
  diskBytes: uint64(3),
});

export const DiskSpecMessage = message('DiskSpec', {
  name: text(1),
  kind: choice(2, ['local', 'shared']),
  image: optional(text(3)),
  sharedDisk: optional(text(4)),
  sizeBytes: uint64(5),
});

export const NicSpecMessage = message('NicSpec', {
  name: text(1),
  kind: choice(2, ['user', 'tap']),
  tap: optional(text(3)),
  mac: text(4),
});

export const CloudInitMessage = message('CloudInit', {
  userData: text(1),
  metaData: text(2),
  networkConfig: optional(text(3)),
});

export const AffinityRuleMessage = message('AffinityRule', {
  kind: choice(1, ['affinity', 'anti-affinity']),
  topology: text(2),
  matches: labels(3),
  required: bool(4),
});

export const VmSpecMessage = message('VmSpec', {
  name: text(1),
  project: text(2),
  labels: labels(3),
  cpus: uint32(4),
  memoryBytes: uint64(5),
  disks: repeated(nested(6, () => DiskSpecMessage)),
  nics: repeated(nested(7, () => NicSpecMessage)),
  cloudInit: nested(8, () => CloudInitMessage),
  restartPolicy: choice(9, ['always', 'on-failure', 'never']),
  leasePolicy: choice(10, ['must-stop', 'keep-running']),
  nodeSelector: labels(11),
  affinity: repeated(nested(12, () => AffinityRuleMessage)),
  priority: uint32(13),
  migratable: bool(14),
});

export const InstanceIdMessage = message('InstanceId', {
  vm: text(1),
  fenceToken: uint64(2),
  pid: uint64(3),
  startTicks: uint64(4),
});

export const vmStates = [
  'preparing',
  'incoming',
  'running',
  'paused',
  'handing-over',
  'stopping',
  'stopped',
  'failed',
  'gone',
] as const;

export const endCauses = [
  'guest-shutdown',
  'guest-reset',
  'guest-panic',
  'process-died',
  'killed',
  'lease-lost',
  'migrated',
  'launch-failed',
  'unresponsive',
] as const;
