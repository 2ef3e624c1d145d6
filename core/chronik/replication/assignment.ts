import { type NodeId } from '../../base/ids.ts';
import {
  type BrokerEpoch,
  type LeaderEpoch,
  type noLeader,
  type PartitionEpoch,
  type PartitionKey,
} from '../types.ts';

/** What the metadata says of a partition of which this broker holds a replica. */
export interface PartitionAssignment {
  readonly key: PartitionKey;
  readonly topic: string;
  /** In the order of preference. */
  readonly replicas: readonly NodeId[];
  readonly isr: readonly NodeId[];
  readonly leader: NodeId | typeof noLeader;
  readonly leaderEpoch: LeaderEpoch;
  readonly partitionEpoch: PartitionEpoch;
  /** min.insync.replicas of the topic. */
  readonly minInsyncReplicas: number;
  /** The topic's cleanup.policy has `delete`: only of such a topic may a client delete records. */
  readonly mayDeleteRecords: boolean;
  /** Of this broker's replica: where it leads, those that are not in sync are given only so much; see throttle.ts. */
  readonly isThrottledAsLeader: boolean;
  /** Where it follows and is not in sync, it fetches only so much. */
  readonly isThrottledAsFollower: boolean;
}

/** What the metadata says of a broker. */
export interface BrokerState {
  readonly id: NodeId;
  readonly brokerEpoch: BrokerEpoch;
  /** Fenced, or about to stop: it may not join an in-sync set. */
  readonly isFenced: boolean;
}

/** A leader's wish to change the in-sync set of its partition (KIP-497, KIP-903). Valid for the epochs that it names. */
export interface AlterPartitionProposal {
  readonly key: PartitionKey;
  readonly leader: NodeId;
  /** The leader's own. */
  readonly brokerEpoch: BrokerEpoch;
  readonly leaderEpoch: LeaderEpoch;
  readonly partitionEpoch: PartitionEpoch;
  /** In the order of the assignment, each with the registration under which the leader knows it. */
  readonly newIsr: readonly InSyncReplica[];
}

export interface InSyncReplica {
  readonly id: NodeId;
  readonly brokerEpoch: BrokerEpoch;
}

/**
 * What became of a proposal: refused for good, so that it can never be applied any more, or of unknown fate. A proposal that
 * was applied shows as an assignment with a newer partition epoch.
 */
export type AlterPartitionOutcome = 'refused' | 'unknown';
