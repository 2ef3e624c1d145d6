import {
  bool,
  int64,
  message,
  nested,
  optional,
  repeated,
  text,
  uint32,
  uint64,
} from '../../wire/protobuf.ts';
import { type PlasmaMutation, type PlasmaRequest, type PlasmaResponse } from '../api.ts';
import { choice, labels, part } from './fields.ts';
import { method, type PlasmaMethod } from './method.ts';
import {
  DiskSpecMessage,
  endCauses,
  InstanceIdMessage,
  ResourcesMessage,
  vmStates,
  VmSpecMessage,
} from './spec.ts';

/** Messages of `VmService`, `NodeService` and `ImageService`. Numbers of fields are never used for something else. */

/** What every mutation has; its own fields begin with 3. */
const own = { operationId: text(1), project: text(2) } as const;
const ofVm = { ...own, vm: text(3) } as const;
const ofNode = { ...own, node: text(3) } as const;

const VmRequest = message('VmRequest', ofVm);
const NodeRequest = message('NodeRequest', ofNode);
const SnapshotRequest = message('SnapshotRequest', { ...ofVm, snapshot: text(4) });

const quotaFields = {
  vmsMax: optional(uint64(1)),
  cpusMax: optional(uint64(2)),
  memoryBytesMax: optional(uint64(3)),
  diskBytesMax: optional(uint64(4)),
  imageBytesMax: optional(uint64(5)),
} as const;
const QuotaMessage = message('Quota', quotaFields);
const QuotaUsedMessage = message('QuotaUsed', {
  vms: uint64(1),
  cpus: uint64(2),
  memoryBytes: uint64(3),
  diskBytes: uint64(4),
  imageBytes: uint64(5),
});

const Committed = message('Committed', { operationId: text(1), revision: uint64(2), vm: optional(text(3)) });

const VmShownMessage = message('Vm', {
  id: text(1),
  spec: part(2, VmSpecMessage),
  generation: uint64(3),
  wanted: choice(4, ['running', 'paused', 'stopped', 'deleted']),
  node: optional(text(5)),
  fenceToken: optional(uint64(6)),
  migratingTo: optional(text(7)),
  state: choice(8, [...vmStates, 'pending', 'unknown']),
  instance: nested(9, () => InstanceIdMessage),
  cause: optional(choice(10, endCauses)),
  message: text(11),
  restarts: uint32(12),
  revision: uint64(13),
  snapshots: repeated(text(14)),
});
const Vms = message('Vms', { revision: uint64(1), vms: repeated(nested(2, () => VmShownMessage)) });

const NodeShownMessage = message('Node', {
  name: text(1),
  epoch: uint64(2),
  state: choice(3, ['up', 'silent', 'lost']),
  cordoned: bool(4),
  draining: bool(5),
  labels: labels(6),
  accelerators: repeated(text(7)),
  capacity: part(8, ResourcesMessage),
  allocated: part(9, ResourcesMessage),
  vms: uint32(10),
  orphans: uint32(11),
  address: text(12),
});
const Nodes = message('Nodes', { revision: uint64(1), nodes: repeated(nested(2, () => NodeShownMessage)) });

const imageFormats = ['raw', 'qcow2'] as const;
const ImageShownMessage = message('Image', {
  name: text(1),
  digest: text(2),
  format: choice(3, imageFormats),
  fileBytes: uint64(4),
  virtualBytes: uint64(5),
  usedBy: uint32(6),
});
const Images = message('Images', { images: repeated(nested(1, () => ImageShownMessage)) });

const SharedDiskMessage = message('SharedDisk', {
  name: text(1),
  sizeBytes: uint64(2),
  usedBy: optional(text(3)),
  state: choice(4, ['there', 'deleting']),
});
const SharedDisks = message('SharedDisks', { disks: repeated(nested(1, () => SharedDiskMessage)) });

const EventMessage = message('Event', {
  revision: uint64(1),
  atMs: int64(2),
  by: text(3),
  what: text(4),
  project: optional(text(5)),
  vm: optional(text(6)),
  node: optional(text(7)),
  message: text(8),
});
const Events = message('Events', { events: repeated(nested(1, () => EventMessage)) });
const QuotaShown = message('QuotaShown', { quota: part(1, QuotaMessage), used: part(2, QuotaUsedMessage) });
const OperationShown = message('Operation', {
  revision: uint64(1),
  vm: optional(text(2)),
  state: choice(3, ['running', 'done', 'failed']),
  message: text(4),
});

const OfProject = message('ProjectRequest', { project: text(1) });

export const vmServiceName = 'photon.plasma.v1.VmService';
export const nodeServiceName = 'photon.plasma.v1.NodeService';
export const imageServiceName = 'photon.plasma.v1.ImageService';
export const plasmaServiceNames = [vmServiceName, nodeServiceName, imageServiceName] as const;

type Method = PlasmaMethod<PlasmaRequest, PlasmaResponse>;
type MutationShape<Kind extends PlasmaMutation['kind']> = Parameters<
  typeof method<PlasmaRequest, PlasmaResponse, Kind, 'committed'>
>[1]['request'];

function mutation<Kind extends PlasmaMutation['kind']>(
  kind: Kind,
  service: string,
  name: string,
  request: MutationShape<Kind>,
): Method {
  return method<PlasmaRequest, PlasmaResponse, Kind, 'committed'>(kind, {
    ...{ service, name, request },
    ...{ responseKind: 'committed', response: Committed },
  });
}

/** What users ask. `Events` is a long poll. */
export const userMethods: Readonly<Record<PlasmaRequest['kind'], Method>> = {
  vmCreate: mutation(
    'vmCreate',
    vmServiceName,
    'Create',
    message('CreateRequest', { ...own, spec: part(3, VmSpecMessage), start: bool(4) }),
  ),
  vmStart: mutation('vmStart', vmServiceName, 'Start', VmRequest),
  vmPause: mutation('vmPause', vmServiceName, 'Pause', VmRequest),
  vmResume: mutation('vmResume', vmServiceName, 'Resume', VmRequest),
  vmStop: mutation('vmStop', vmServiceName, 'Stop', message('StopRequest', { ...ofVm, force: bool(4) })),
  vmDelete: mutation('vmDelete', vmServiceName, 'Delete', VmRequest),
  vmMigrate: mutation(
    'vmMigrate',
    vmServiceName,
    'Migrate',
    message('MigrateRequest', { ...ofVm, node: optional(text(4)), live: bool(5) }),
  ),
  vmSnapshot: mutation('vmSnapshot', vmServiceName, 'Snapshot', SnapshotRequest),
  vmRestore: mutation('vmRestore', vmServiceName, 'Restore', SnapshotRequest),
  vmDeleteSnapshot: mutation('vmDeleteSnapshot', vmServiceName, 'DeleteSnapshot', SnapshotRequest),
  vmAttachDisk: mutation(
    'vmAttachDisk',
    vmServiceName,
    'AttachDisk',
    message('AttachDiskRequest', { ...ofVm, disk: part(4, DiskSpecMessage) }),
  ),
  vmDetachDisk: mutation(
    'vmDetachDisk',
    vmServiceName,
    'DetachDisk',
    message('DetachDiskRequest', { ...ofVm, disk: text(4) }),
  ),
  vmResizeDisk: mutation(
    'vmResizeDisk',
    vmServiceName,
    'ResizeDisk',
    message('ResizeDiskRequest', { ...ofVm, disk: text(4), sizeBytes: uint64(5) }),
  ),
  nodeCordon: mutation('nodeCordon', nodeServiceName, 'Cordon', NodeRequest),
  nodeUncordon: mutation('nodeUncordon', nodeServiceName, 'Uncordon', NodeRequest),
  nodeDrain: mutation('nodeDrain', nodeServiceName, 'Drain', NodeRequest),
  nodeFence: mutation(
    'nodeFence',
    nodeServiceName,
    'Fence',
    message('FenceNodeRequest', { ...ofNode, epoch: uint64(4) }),
  ),
  nodeForget: mutation('nodeForget', nodeServiceName, 'Forget', NodeRequest),
  imageAdd: mutation(
    'imageAdd',
    imageServiceName,
    'Add',
    message('AddImageRequest', {
      ...{ ...own, name: text(3), digest: text(4), format: choice(5, imageFormats) },
      ...{ fileBytes: uint64(6), virtualBytes: uint64(7) },
    }),
  ),
  imageRemove: mutation(
    'imageRemove',
    imageServiceName,
    'Remove',
    message('RemoveImageRequest', { ...own, name: text(3) }),
  ),
  sharedDiskCreate: mutation(
    'sharedDiskCreate',
    vmServiceName,
    'CreateSharedDisk',
    message('CreateSharedDiskRequest', { ...own, disk: text(3), sizeBytes: uint64(4) }),
  ),
  sharedDiskDelete: mutation(
    'sharedDiskDelete',
    vmServiceName,
    'DeleteSharedDisk',
    message('DeleteSharedDiskRequest', { ...own, disk: text(3) }),
  ),
  quotaSet: mutation(
    'quotaSet',
    vmServiceName,
    'SetQuota',
    message('SetQuotaRequest', { ...own, quota: part(3, QuotaMessage) }),
  ),
  vmGet: method('vmGet', {
    ...{ service: vmServiceName, name: 'Get', responseKind: 'vms', response: Vms },
    request: message('GetRequest', { project: text(1), vm: text(2) }),
  }),
  vmList: method('vmList', {
    ...{ service: vmServiceName, name: 'List', responseKind: 'vms', response: Vms },
    request: message('ListRequest', { project: text(1), matches: labels(2) }),
  }),
  nodeList: method('nodeList', {
    ...{ service: nodeServiceName, name: 'List', responseKind: 'nodes', response: Nodes },
    request: message('ListNodesRequest', {}),
  }),
  imageList: method('imageList', {
    ...{ service: imageServiceName, name: 'List', responseKind: 'images', response: Images },
    request: OfProject,
  }),
  sharedDiskList: method('sharedDiskList', {
    ...{ service: vmServiceName, name: 'ListSharedDisks', responseKind: 'sharedDisks' },
    ...{ response: SharedDisks, request: OfProject },
  }),
  quotaGet: method('quotaGet', {
    ...{ service: vmServiceName, name: 'GetQuota', responseKind: 'quota', response: QuotaShown },
    request: OfProject,
  }),
  operationGet: method('operationGet', {
    ...{ service: vmServiceName, name: 'GetOperation', responseKind: 'operation', response: OperationShown },
    request: message('GetOperationRequest', { project: text(1), operationId: text(2) }),
  }),
  events: method('events', {
    ...{ service: vmServiceName, name: 'Events', responseKind: 'events', response: Events },
    request: message('EventsRequest', {
      ...{ project: text(1), fromRevision: uint64(2), limit: uint32(3), waitUs: uint64(4) },
    }),
  }),
};
