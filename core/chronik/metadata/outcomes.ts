import { type Refused } from '../../base/refusal.ts';
import { type LogIndex } from '../../raft/types.ts';
import { type KafkaError } from '../../wire/kafka/error-codes.ts';
import { type CommandName } from './commands.ts';
import { type AclBinding, type PartitionState, type QuotaEntityPart } from './rows.ts';

type Known<Name extends KafkaError> = Name;

/** What a command may be refused with. */
export type MetadataErrorCode = Known<
  | 'BROKER_ID_NOT_REGISTERED'
  | 'DUPLICATE_RESOURCE'
  | 'ELECTION_NOT_NEEDED'
  | 'ELIGIBLE_LEADERS_NOT_AVAILABLE'
  | 'FENCED_LEADER_EPOCH'
  | 'INELIGIBLE_REPLICA'
  | 'INVALID_CONFIG'
  | 'INVALID_PARTITIONS'
  | 'INVALID_REPLICATION_FACTOR'
  | 'INVALID_REPLICA_ASSIGNMENT'
  | 'INVALID_REQUEST'
  | 'INVALID_TOPIC_EXCEPTION'
  | 'INVALID_UPDATE_VERSION'
  | 'NEW_LEADER_ELECTED'
  | 'NO_REASSIGNMENT_IN_PROGRESS'
  | 'POLICY_VIOLATION'
  | 'PREFERRED_LEADER_NOT_AVAILABLE'
  | 'REASSIGNMENT_IN_PROGRESS'
  | 'REQUEST_TIMED_OUT'
  | 'RESOURCE_NOT_FOUND'
  | 'STALE_BROKER_EPOCH'
  | 'THROTTLING_QUOTA_EXCEEDED'
  | 'TOPIC_ALREADY_EXISTS'
  | 'UNACCEPTABLE_CREDENTIAL'
  | 'UNKNOWN_LEADER_EPOCH'
  | 'UNKNOWN_SERVER_ERROR'
  | 'UNKNOWN_TOPIC_ID'
  | 'UNKNOWN_TOPIC_OR_PARTITION'
  | 'UNSUPPORTED_SASL_MECHANISM'
>;

export type MetadataRefusal = Refused<MetadataErrorCode>;

/** One of several things that a command asked for: done, or refused by itself. */
export interface ItemOutcome {
  readonly refusal: MetadataRefusal | undefined;
}

/** What comes of each command when it is done. Lists are in the order of what was asked for. */
export interface MetadataResults {
  readonly registerBroker: { readonly brokerEpoch: number };
  readonly unfenceBroker: object;
  readonly fenceBroker: object;
  readonly beginControlledShutdown: object;
  readonly createTopic: {
    readonly name: string;
    readonly id: string;
    readonly partitionCount: number;
    readonly replicationFactor: number;
  };
  readonly deleteTopic: { readonly name: string; readonly id: string };
  readonly createPartitions: { readonly partitionCount: number };
  readonly alterPartition: {
    readonly partitions: readonly (ItemOutcome & {
      readonly created: number;
      readonly partition: number;
      /** As it is now, done or refused; undefined when there is none. */
      readonly state: PartitionState | undefined;
    })[];
  };
  readonly electLeaders: {
    readonly partitions: readonly (ItemOutcome & { readonly topic: string; readonly partition: number })[];
  };
  readonly alterReassignments: {
    readonly partitions: readonly (ItemOutcome & { readonly topic: string; readonly partition: number })[];
  };
  readonly alterConfigs: object;
  readonly incrementalAlterConfigs: object;
  /** The ids firstProducerId … firstProducerId + count − 1 are the proposer's. */
  readonly allocateProducerIds: { readonly firstProducerId: number; readonly count: number };
  readonly createAcls: { readonly acls: readonly ItemOutcome[] };
  readonly deleteAcls: {
    readonly filters: readonly (ItemOutcome & { readonly deleted: readonly AclBinding[] })[];
  };
  readonly alterScramCredentials: { readonly users: readonly (ItemOutcome & { readonly user: string })[] };
  readonly alterClientQuotas: {
    readonly entities: readonly (ItemOutcome & { readonly entity: readonly QuotaEntityPart[] })[];
  };
}

export type MetadataResult = {
  readonly [Name in CommandName]: { readonly command: Name } & MetadataResults[Name];
}[CommandName];

/**
 * What became of a command. Refused by what was applied: nothing has changed. Refused as THROTTLING_QUOTA_EXCEEDED: nothing
 * will change. Refused as REQUEST_TIMED_OUT: nobody knows whether it will still be done.
 */
export type MetadataOutcome =
  { readonly kind: 'done'; readonly index: LogIndex; readonly result: MetadataResult } | MetadataRefusal;
