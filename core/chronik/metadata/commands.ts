import {
  bool,
  bytes,
  enumeration,
  type Infer,
  int32,
  int64,
  message,
  nested,
  optional,
  repeated,
  text,
  uint64,
} from '../../wire/protobuf.ts';
import { brokerId, namedBroker, real } from './row-fields.ts';
import { AclBinding, ConfigEntry, Endpoint, QuotaEntityPart } from './rows.ts';

/**
 * What may be done to the metadata. A command is checked where it is applied, against the state that it meets there: the log is
 * what puts commands in order, so that whoever proposes one need not know anything.
 *
 * What clients have named (brokers, counts) is carried as any integer and looked at when it is applied.
 */

/** A broker's present life comes into the cluster: fenced, with an epoch of its own. */
export const RegisterBroker = message('RegisterBroker', {
  broker: brokerId(1),
  incarnation: text(2),
  endpoints: repeated(nested(3, () => Endpoint)),
  rack: optional(text(4)),
});

/** The controller's findings about a broker; they hold good for the life of it that they name. */
const brokerLife = { broker: brokerId(1), brokerEpoch: uint64(2) };
export const UnfenceBroker = message('UnfenceBroker', brokerLife);
export const FenceBroker = message('FenceBroker', brokerLife);
export const BeginControlledShutdown = message('BeginControlledShutdown', brokerLife);

/** Who keeps a partition. Either for all partitions of a topic or for none. */
export const ReplicaAssignment = message('ReplicaAssignment', {
  partition: int32(1),
  brokers: repeated(namedBroker(2)),
});
export type ReplicaAssignment = Infer<typeof ReplicaAssignment>;

export const CreateTopic = message('CreateTopic', {
  name: text(1),
  /** Drawn by the proposer: 32 hex digits. */
  id: text(2),
  /** −1: as the brokers' `num.partitions` says, or as many as are assigned. */
  partitionCount: int64(3),
  /** −1: as the brokers' `default.replication.factor` says, or as is assigned. */
  replicationFactor: int64(4),
  assignments: repeated(nested(5, () => ReplicaAssignment)),
  configs: repeated(nested(6, () => ConfigEntry)),
  /** Only says what would come of it. */
  validateOnly: bool(7),
});

/** By name, or, where that is undefined, by id. */
export const DeleteTopic = message('DeleteTopic', { name: optional(text(1)), id: text(2) });

export const CreatePartitions = message('CreatePartitions', {
  topic: text(1),
  /** Partitions of the topic afterwards. */
  count: int64(2),
  /** Of the new ones, from the first. Empty: chosen. */
  assignments: repeated(nested(3, () => ReplicaAssignment)),
  validateOnly: bool(4),
});

export const IsrMember = message('IsrMember', {
  broker: namedBroker(1),
  /** The epoch that it fetches with: a later life of it may have less (KIP-903). */
  brokerEpoch: int64(2),
});
export type IsrMember = Infer<typeof IsrMember>;

export const PartitionAlteration = message('PartitionAlteration', {
  /** Index of the topic's creation. */
  created: uint64(1),
  partition: uint64(2),
  /** As its leader knows them. */
  leaderEpoch: int64(3),
  partitionEpoch: int64(4),
  isr: repeated(nested(5, () => IsrMember)),
});
export type PartitionAlteration = Infer<typeof PartitionAlteration>;

/** A leader asks for other in-sync sets (KIP-497). Each partition has an outcome of its own. */
export const AlterPartition = message('AlterPartition', {
  broker: brokerId(1),
  brokerEpoch: int64(2),
  partitions: repeated(nested(3, () => PartitionAlteration)),
});

export const NamedPartition = message('NamedPartition', { topic: text(1), partition: int32(2) });
export type NamedPartition = Infer<typeof NamedPartition>;

/** KIP-460. */
export const electionTypes = { preferred: 0, unclean: 1 } as const;

export const ElectLeaders = message('ElectLeaders', {
  electionType: enumeration(1),
  /** Each has an outcome of its own. Where `all` is set: every partition, and those that need nothing have none. */
  partitions: repeated(nested(2, () => NamedPartition)),
  all: bool(3),
});

export const Reassignment = message('Reassignment', {
  topic: text(1),
  partition: int32(2),
  /** Undoes the one under way. */
  cancel: bool(3),
  /** Who is to keep the partition, the preferred leader first. */
  replicas: repeated(namedBroker(4)),
});
export type Reassignment = Infer<typeof Reassignment>;

/** KIP-455. Each partition has an outcome of its own. */
export const AlterReassignments = message('AlterReassignments', {
  partitions: repeated(nested(1, () => Reassignment)),
});

/** Kafka's numbers of what can be configured. */
export const configResources = { topic: 2, broker: 4 } as const;

/** Sets all that there is to set for a resource: what is not named goes back to its default. */
export const AlterConfigs = message('AlterConfigs', {
  resourceType: enumeration(1),
  /** A topic's name; a broker's id, or '' for all brokers. */
  resourceName: text(2),
  configs: repeated(nested(3, () => ConfigEntry)),
  validateOnly: bool(4),
});

/** KIP-339. */
export const configOperations = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

export const ConfigOperation = message('ConfigOperation', {
  name: text(1),
  operation: enumeration(2),
  value: optional(text(3)),
});
export type ConfigOperation = Infer<typeof ConfigOperation>;

export const IncrementalAlterConfigs = message('IncrementalAlterConfigs', {
  resourceType: enumeration(1),
  resourceName: text(2),
  operations: repeated(nested(3, () => ConfigOperation)),
  validateOnly: bool(4),
});

/** A broker takes the next block of ids that nobody else will give to a producer. */
export const AllocateProducerIds = message('AllocateProducerIds', {
  broker: brokerId(1),
  brokerEpoch: int64(2),
});

export const CreateAcls = message('CreateAcls', { acls: repeated(nested(1, () => AclBinding)) });

/** What is undefined, or 1 (any) where a number is, matches everything (KIP-290). */
export const AclFilter = message('AclFilter', {
  resourceType: enumeration(1),
  resourceName: optional(text(2)),
  /** 1 any, 2 what applies to the name, 3 literal, 4 prefixed. */
  patternType: enumeration(3),
  principal: optional(text(4)),
  host: optional(text(5)),
  operation: enumeration(6),
  permissionType: enumeration(7),
});
export type AclFilter = Infer<typeof AclFilter>;

export const DeleteAcls = message('DeleteAcls', { filters: repeated(nested(1, () => AclFilter)) });

export const ScramUpsertion = message('ScramUpsertion', {
  user: text(1),
  mechanism: enumeration(2),
  iterations: int64(3),
  salt: bytes(4),
  storedKey: bytes(5),
  serverKey: bytes(6),
});
export type ScramUpsertion = Infer<typeof ScramUpsertion>;

export const ScramDeletion = message('ScramDeletion', { user: text(1), mechanism: enumeration(2) });
export type ScramDeletion = Infer<typeof ScramDeletion>;

/** KIP-554. Each user has an outcome of his own: of what concerns one user all is done, or nothing. */
export const AlterScramCredentials = message('AlterScramCredentials', {
  deletions: repeated(nested(1, () => ScramDeletion)),
  upsertions: repeated(nested(2, () => ScramUpsertion)),
});

export const QuotaOperation = message('QuotaOperation', {
  key: text(1),
  value: real(2),
  remove: bool(3),
});
export type QuotaOperation = Infer<typeof QuotaOperation>;

export const QuotaAlteration = message('QuotaAlteration', {
  entity: repeated(nested(1, () => QuotaEntityPart)),
  operations: repeated(nested(2, () => QuotaOperation)),
});
export type QuotaAlteration = Infer<typeof QuotaAlteration>;

/** KIP-546. Each entity has an outcome of its own. */
export const AlterClientQuotas = message('AlterClientQuotas', {
  alterations: repeated(nested(1, () => QuotaAlteration)),
  validateOnly: bool(2),
});

/** Every command by its name. */
export const commandBodies = {
  registerBroker: RegisterBroker,
  unfenceBroker: UnfenceBroker,
  fenceBroker: FenceBroker,
  beginControlledShutdown: BeginControlledShutdown,
  createTopic: CreateTopic,
  deleteTopic: DeleteTopic,
  createPartitions: CreatePartitions,
  alterPartition: AlterPartition,
  electLeaders: ElectLeaders,
  alterReassignments: AlterReassignments,
  alterConfigs: AlterConfigs,
  incrementalAlterConfigs: IncrementalAlterConfigs,
  allocateProducerIds: AllocateProducerIds,
  createAcls: CreateAcls,
  deleteAcls: DeleteAcls,
  alterScramCredentials: AlterScramCredentials,
  alterClientQuotas: AlterClientQuotas,
} as const;

export type CommandName = keyof typeof commandBodies;
export type CommandBody<Name extends CommandName> = Infer<(typeof commandBodies)[Name]>;
/** What `MetadataReplica.propose` takes. */
export type MetadataCommand = {
  readonly [Name in CommandName]: { readonly kind: Name } & CommandBody<Name>;
}[CommandName];
export type CommandOf<Name extends CommandName> = Extract<MetadataCommand, { readonly kind: Name }>;

/** A command with what is given, and every other field at its default. */
export function createCommand<Name extends CommandName>(
  kind: Name,
  body: Partial<CommandBody<Name>>,
): CommandOf<Name> {
  const schema = commandBodies[kind] as { create(fields: object): object };
  return { kind, ...schema.create(body) } as unknown as CommandOf<Name>;
}
