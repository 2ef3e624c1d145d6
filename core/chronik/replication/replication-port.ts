import { type SegmentAppend, type SegmentCut } from '../../base/effects.ts';
import { type NodeId } from '../../base/ids.ts';
import { type PartitionLog } from '../log/partition-log.ts';
import { type LeaderEpoch, type Offset, type PartitionKey } from '../types.ts';
import { type AlterPartitionProposal, type PartitionAssignment } from './assignment.ts';
import { type ReplicationMessage } from './messages.ts';
import { type AppendEnd, type DeleteRecordsEnd, type FetchedPartition } from './requests.ts';

/** What replication needs of the broker that it belongs to. Nothing in it calls back into replication. */
export interface ReplicationPort {
  send(to: NodeId, message: ReplicationMessage): void;
  /** Has them persisted at the end of this step. @returns the number of the sync that will cover them */
  persist(appends: readonly SegmentAppend[]): number;
  /** Cuts files at once, in order. A step appends to a file only behind the cuts that it makes to it. */
  cut(cuts: readonly SegmentCut[]): void;
  /**
   * Go through the metadata's log, those of a step together; each is answered by an assignment, or by `alterPartitionAnswered`.
   */
  proposeAlterPartitions(proposals: readonly AlterPartitionProposal[]): void;
  /**
   * Has it found out whether the metadata that this broker acts on is the newest. @returns a number: `metadataConfirmed` is called
   * with it, or a higher one, once everything is assigned that was decided before this call
   */
  confirmMetadata(): number;
  /** Of an append that waited. */
  appendEnded(token: number, end: AppendEnd): void;
  /** Of a consumer's fetch that waited. */
  fetched(token: number, partitions: readonly FetchedPartition[]): void;
  /** Of a request to delete records that waited. */
  recordsDeleted(token: number, end: DeleteRecordsEnd): void;
  /** This broker leads the partition from now on, in this epoch; its log holds whatever was committed. */
  partitionLed(key: PartitionKey, leaderEpoch: LeaderEpoch): void;
  /** It no longer does: what waited has been answered. */
  partitionLeft(key: PartitionKey): void;
  /** Of a partition that this broker leads. Once a `settle` at most. */
  highWatermarkMoved(key: PartitionKey, highWatermark: Offset): void;
}

/** A replica on this broker, as it is now. */
export interface ReplicaView {
  readonly assignment: PartitionAssignment;
  /** `offline`: nobody leads, or this broker is not registered yet. */
  readonly role: 'leader' | 'follower' | 'offline';
  readonly log: PartitionLog;
  readonly highWatermark: Offset;
  readonly lastStableOffset: Offset;
  /** What the leader waits for: the in-sync replicas and those that it has proposed. */
  readonly inSyncReplicasMaximal: readonly NodeId[];
}
