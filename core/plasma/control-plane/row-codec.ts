import { type DesiredOperation } from '../agent-protocol.ts';
import { type PlasmaEvent } from '../api.ts';
import {
  type AffinityRule,
  type CloudInit,
  type DiskSpec,
  type InstanceId,
  type NicSpec,
  type Placement,
  type Resources,
  type VmSpec,
} from '../types.ts';
import {
  asciiJson,
  count,
  flag,
  list,
  object,
  oneOf,
  optional,
  parseJson,
  type Shape,
  ShapeError,
  table,
  text,
} from './json-shape.ts';
import {
  type AuditRow,
  type CommitRow,
  type DeletedDiskRow,
  type DeletedRow,
  type DiskRow,
  type ImageRow,
  type LeaderRow,
  type NodeRow,
  type Observed,
  type OperationRow,
  ownKey,
  type Place,
  type QuotaRow,
  type RemainingPlace,
  type TableName,
  type Tables,
  type VmEviction,
  type VmMigration,
  type VmRow,
} from './rows.ts';

/** Rows as they lie in the store: JSON that operators can read, checked whenever it is read. */
const labels = table(text);
const resources = object<Resources>({ cpuMilli: count, memoryBytes: count, diskBytes: count });

const spec = object<VmSpec>({
  name: text,
  project: text,
  labels,
  cpus: count,
  memoryBytes: count,
  disks: list(
    object<DiskSpec>({
      name: text,
      kind: oneOf('local', 'shared'),
      image: optional(text),
      sharedDisk: optional(text),
      sizeBytes: count,
    }),
  ),
  nics: list(object<NicSpec>({ name: text, kind: oneOf('user', 'tap'), tap: optional(text), mac: text })),
  cloudInit: optional(object<CloudInit>({ userData: text, metaData: text, networkConfig: optional(text) })),
  restartPolicy: oneOf('always', 'on-failure', 'never'),
  leasePolicy: oneOf('must-stop', 'keep-running'),
  nodeSelector: labels,
  affinity: list(
    object<AffinityRule>({
      kind: oneOf('affinity', 'anti-affinity'),
      topology: text,
      matches: labels,
      required: flag,
    }),
  ),
  priority: count,
  migratable: flag,
});

const observed = object<Observed>({
  epoch: count,
  sequence: count,
  generation: count,
  state: oneOf(
    'preparing',
    'incoming',
    'running',
    'paused',
    'handing-over',
    'stopping',
    'stopped',
    'failed',
    'gone',
  ),
  instance: optional(object<InstanceId>({ vm: text, fenceToken: count, pid: count, startTicks: count })),
  cause: optional(
    oneOf(
      'guest-shutdown',
      'guest-reset',
      'guest-panic',
      'process-died',
      'killed',
      'lease-lost',
      'migrated',
      'launch-failed',
      'unresponsive',
    ),
  ),
  message: text,
  restarts: count,
  incomingUri: optional(text),
});

const place = object<Place>({ node: text, fenceToken: count, observed: optional(observed) });
const remaining = object<RemainingPlace>({
  node: text,
  fenceToken: count,
  observed: optional(observed),
  alive: flag,
  sinceGeneration: count,
});

const operationKinds = oneOf('snapshot', 'restore', 'deleteSnapshot', 'attachDisk', 'resizeDisk');
const operation: Shape<DesiredOperation> = (value, at) => {
  const { id, kind, on, fromBytes } = object<{
    readonly id: string;
    readonly kind: DesiredOperation['kind'];
    readonly on: string;
    readonly fromBytes: number | undefined;
  }>({ id: text, kind: operationKinds, on: text, fromBytes: optional(count) })(value, at);
  if (kind === 'attachDisk') return { id, kind, disk: on };
  return kind === 'resizeDisk' ? { id, kind, disk: on, fromBytes } : { id, kind, snapshot: on };
};

function operationRow(wanted: DesiredOperation): unknown {
  const { id, kind } = wanted;
  const on = 'disk' in wanted ? wanted.disk : wanted.snapshot;
  return { id, kind, on, fromBytes: kind === 'resizeDisk' ? wanted.fromBytes : undefined };
}

const vm = object<VmRow>({
  id: text,
  spec,
  generation: count,
  wanted: oneOf('running', 'paused', 'stopped', 'deleted'),
  force: flag,
  fenceToken: count,
  counts: oneOf('all', 'disk'),
  placement: optional(place),
  migration: optional(
    object<VmMigration>({
      to: place,
      phase: oneOf('preparing', 'sending', 'handing-over'),
      sinceGeneration: count,
      from: object<Placement>({ node: text, fenceToken: count }),
      operation: optional(text),
    }),
  ),
  eviction: optional(
    object<VmEviction>({ to: optional(text), sinceGeneration: count, operation: optional(text) }),
  ),
  abandonedGeneration: optional(count),
  remains: list(remaining),
  operations: list(operation),
  snapshots: list(text),
  revision: count,
  pendingReason: text,
});

const ownDisk = object<Omit<DiskRow, 'onStorage'> & { readonly onStorage: string | undefined }>({
  ...{ project: text, name: text, onStorage: optional(text), sizeBytes: count, fenceToken: count },
});
/** Older disks have the same name in both places. */
const diskRow: Shape<DiskRow> = (value, at) => {
  const row = ownDisk(value, at);
  return { ...row, onStorage: row.onStorage ?? row.name };
};

const shapes: { readonly [Name in TableName]: Shape<Tables[Name]> } = {
  vms: vm,
  nodes: object<NodeRow>({
    name: text,
    epoch: count,
    inventoriedEpoch: count,
    agentBootId: text,
    machineBootId: text,
    capacity: resources,
    labels,
    accelerators: list(text),
    address: text,
    cordoned: flag,
    draining: flag,
    lost: optional(oneOf('expired', 'fenced', 'forgotten')),
    orphans: count,
  }),
  images: object<ImageRow>({
    project: text,
    name: text,
    digest: text,
    format: oneOf('raw', 'qcow2'),
    fileBytes: count,
    virtualBytes: count,
  }),
  disks: diskRow,
  deletedDisks: object<DeletedDiskRow>({
    ...{ project: text, name: text, onStorage: text, sizeBytes: count, fenceToken: count },
    operation: text,
  }),
  quotas: object<QuotaRow>({
    project: text,
    quota: object<QuotaRow['quota']>({
      vmsMax: optional(count),
      cpusMax: optional(count),
      memoryBytesMax: optional(count),
      diskBytesMax: optional(count),
      imageBytesMax: optional(count),
    }),
  }),
  operations: object<OperationRow>({
    project: text,
    id: text,
    digest: text,
    revision: count,
    vm: optional(text),
    generation: optional(count),
    state: oneOf('running', 'done', 'failed'),
    message: text,
  }),
  deleted: object<DeletedRow>({
    id: text,
    spec,
    generation: count,
    fenceToken: count,
    remains: list(remaining),
  }),
};

const keys: { readonly [Name in TableName]: (row: Tables[Name]) => string } = {
  vms: (row) => row.id,
  nodes: (row) => row.name,
  images: (row) => ownKey(row.project, row.name),
  disks: (row) => ownKey(row.project, row.name),
  deletedDisks: (row) => ownKey(row.project, row.onStorage),
  quotas: (row) => row.project,
  operations: (row) => ownKey(row.project, row.id),
  deleted: (row) => row.id,
};

export function keyOf<Name extends TableName>(name: Name, row: Tables[Name]): string {
  return keys[name](row);
}

export function encodeRow<Name extends TableName>(name: Name, row: Tables[Name]): string {
  if (name !== 'vms') return asciiJson(row);
  const virtualMachine = row as VmRow;
  return asciiJson({ ...virtualMachine, operations: virtualMachine.operations.map(operationRow) });
}

/** @throws ShapeError when it is not such a row, or lies under another's key */
export function decodeRow<Name extends TableName>(name: Name, key: string, json: string): Tables[Name] {
  const at = `${name}/${key}`;
  const row = parseJson<Tables[Name]>(shapes[name], json, at);
  if (keyOf(name, row) !== key) throw new ShapeError(`${at} holds the row of ${keyOf(name, row)}`);
  return row;
}

export const auditShape: Shape<AuditRow> = list(
  object<PlasmaEvent>({
    revision: count,
    atMs: count,
    by: text,
    what: text,
    project: optional(text),
    vm: optional(text),
    node: optional(text),
    message: text,
  }),
);
export const commitShape = object<CommitRow>({ revision: count, term: count, attempt: count });
export const leaderShape = object<LeaderRow>({ server: count, candidacy: text });
