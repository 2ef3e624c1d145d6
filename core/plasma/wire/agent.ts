import {
  bool,
  type Infer,
  message,
  nested,
  optional,
  repeated,
  text,
  uint32,
  uint64,
} from '../../wire/protobuf.ts';
import { bytes } from '../../wire/protobuf.ts';
import { type AgentRefusal, type AgentRequest, type AgentResponse } from '../agent-protocol.ts';
import { choice, labels, part, union } from './fields.ts';
import { method, type PlasmaMethod } from './method.ts';
import { endCauses, InstanceIdMessage, ResourcesMessage, vmStates, VmSpecMessage } from './spec.ts';

/** Messages of `photon.plasma.v1.AgentService`, which agents ask. Numbers of fields are never used for something else. */

export const RegisterRequest = message('RegisterRequest', {
  node: text(1),
  agentBootId: text(2),
  machineBootId: text(3),
  capacity: part(4, ResourcesMessage),
  labels: labels(5),
  accelerators: repeated(text(6)),
  address: text(7),
});
export const RegisterResponse = message('RegisterResponse', { epoch: uint64(1), leaseTtlUs: uint64(2) });

export const RenewLeaseRequest = message('RenewLeaseRequest', {
  node: text(1),
  epoch: uint64(2),
  sequence: uint64(3),
  appliedRevision: uint64(4),
});
export const RenewLeaseResponse = message('RenewLeaseResponse', {
  sequence: uint64(1),
  leaseTtlUs: uint64(2),
});

export const WatchDesiredRequest = message('WatchDesiredRequest', {
  node: text(1),
  epoch: uint64(2),
  fromRevision: uint64(3),
  waitUs: uint64(4),
});

const Empty = message('Empty', {});
const snapshotOperation = message('SnapshotOperation', { id: text(1), snapshot: text(2) });
const diskOperation = message('DiskOperation', { id: text(1), disk: text(2) });

const DesiredOperationMessage = message('DesiredOperation', {
  operation: union(1, {
    snapshot: snapshotOperation,
    restore: snapshotOperation,
    deleteSnapshot: snapshotOperation,
    attachDisk: diskOperation,
    resizeDisk: message('ResizeOperation', { id: text(1), disk: text(2), fromBytes: optional(uint64(3)) }),
  }),
});

const DesiredVmMessage = message('DesiredVm', {
  id: text(1),
  generation: uint64(2),
  fenceToken: uint64(3),
  spec: part(4, VmSpecMessage),
  want: union(5, {
    run: message('Run', { runState: choice(1, ['running', 'paused', 'stopped']), force: bool(2) }),
    evict: Empty,
    receive: message('Receive', { source: text(1) }),
    migrate: message('Migrate', { uri: text(1) }),
    handOver: Empty,
    abandonMigration: Empty,
    remove: Empty,
  }),
  operations: repeated(nested(6, () => DesiredOperationMessage)),
});
const WatchDesiredShape = message('WatchDesiredResponse', {
  revision: uint64(1),
  vms: repeated(nested(2, () => DesiredVmMessage)),
});

const FoundVmMessage = message('FoundVm', {
  vm: text(1),
  fenceToken: uint64(2),
  instance: nested(3, () => InstanceIdMessage),
  state: choice(4, vmStates),
  generation: optional(uint64(5)),
});
export const InventoryRequest = message('InventoryRequest', {
  node: text(1),
  epoch: uint64(2),
  found: repeated(nested(3, () => FoundVmMessage)),
});
const VerdictMessage = message('InventoryVerdict', {
  vm: text(1),
  fenceToken: uint64(2),
  verdict: choice(3, ['adopt', 'kill', 'orphan']),
});
export const InventoryResponse = message('InventoryResponse', {
  verdicts: repeated(nested(1, () => VerdictMessage)),
});

const OperationReportMessage = message('OperationReport', {
  id: text(1),
  outcome: choice(2, ['done', 'failed']),
  message: text(3),
});
const VmReportMessage = message('VmReport', {
  vm: text(1),
  fenceToken: uint64(2),
  generation: uint64(3),
  state: choice(4, vmStates),
  instance: nested(5, () => InstanceIdMessage),
  cause: optional(choice(6, endCauses)),
  message: text(7),
  incomingUri: optional(text(8)),
  migrationFailed: optional(bool(9)),
  operations: repeated(nested(10, () => OperationReportMessage)),
  restarts: uint32(11),
});
export const ReportRequest = message('ReportRequest', {
  node: text(1),
  epoch: uint64(2),
  sequence: uint64(3),
  vms: repeated(nested(4, () => VmReportMessage)),
});
export const ReportResponse = message('ReportResponse', { sequence: uint64(1) });

export const agentServiceName = 'photon.plasma.v1.AgentService';

type Method = PlasmaMethod<AgentRequest, AgentResponse>;
type DesiredAnswer = Extract<AgentResponse, { kind: 'desired' }>;

const base = { service: agentServiceName } as const;
const watch = method<AgentRequest, AgentResponse, 'watchDesired', 'reportTaken'>('watchDesired', {
  ...{ ...base, name: 'WatchDesired', request: WatchDesiredRequest },
  ...{ responseKind: 'reportTaken', response: ReportResponse },
});

/** What agents ask of servers. `WatchDesired` is a long poll. */
export const agentMethods: Readonly<Record<AgentRequest['kind'], Method>> = {
  register: method('register', {
    ...{ ...base, name: 'Register', request: RegisterRequest },
    ...{ responseKind: 'registered', response: RegisterResponse },
  }),
  renewLease: method('renewLease', {
    ...{ ...base, name: 'RenewLease', request: RenewLeaseRequest },
    ...{ responseKind: 'leaseGranted', response: RenewLeaseResponse },
  }),
  // Operations lie a level deeper on the wire: a list has no oneof as its item.
  watchDesired: {
    ...watch,
    response: {
      name: WatchDesiredShape.name,
      encode: (value) => WatchDesiredShape.encode(wireOf(value as DesiredAnswer)),
      decode: (data) => ({ kind: 'desired', ...desiredOf(WatchDesiredShape.decode(data)) }),
    },
  },
  inventory: method('inventory', {
    ...{ ...base, name: 'Inventory', request: InventoryRequest },
    ...{ responseKind: 'inventoryJudged', response: InventoryResponse },
  }),
  report: method('report', {
    ...{ ...base, name: 'Report', request: ReportRequest },
    ...{ responseKind: 'reportTaken', response: ReportResponse },
  }),
};

function wireOf({ revision, vms }: DesiredAnswer): Infer<typeof WatchDesiredShape> {
  return {
    revision,
    vms: vms.map((vm) => ({ ...vm, operations: vm.operations.map((operation) => ({ operation })) })),
  };
}

function desiredOf({ revision, vms }: Infer<typeof WatchDesiredShape>): Omit<DesiredAnswer, 'kind'> {
  return {
    revision,
    vms: vms.map((vm) => ({ ...vm, operations: vm.operations.map(({ operation }) => operation) })),
  };
}

export const agentRefusalCodes = [
  'NOT_LEADER',
  'STALE_EPOCH',
  'INVENTORY_DUE',
  'UNAVAILABLE',
  'PERMISSION_DENIED',
  'INVALID',
] as const satisfies readonly AgentRefusal['code'][];

/** `photon.plasma.v1.AgentService/FetchImage`: a piece of an image that a server has. */
export const FetchImageRequest = message('FetchImageRequest', {
  digest: text(1),
  fromByte: uint64(2),
  bytesMax: uint64(3),
});
export const FetchImageResponse = message('FetchImageResponse', { bytes: bytes(1), totalBytes: uint64(2) });
export const fetchImagePath = `/${agentServiceName}/FetchImage`;
