import { type SegmentAppend, type SegmentCut } from '../../base/effects.ts';
import { type NodeId } from '../../base/ids.ts';
import { type PartitionLog } from '../log/partition-log.ts';
import { type BrokerEpoch, type Offset, type PartitionKey } from '../types.ts';
import { type AlterPartitionProposal, type BrokerState, type PartitionAssignment } from './assignment.ts';
import { type FetchAnswer } from './messages.ts';
import { type ReplicaProgress } from './replica-progress.ts';
import { type AppendEnd } from './requests.ts';
import { type ReplicationSettings } from './settings.ts';

/** What a leadership or a following needs of the replica whose role it is. What it has to say gathers until the step ends. */
export interface RolePort {
  readonly id: NodeId;
  /** Of this life of the broker. */
  readonly brokerEpoch: BrokerEpoch;
  readonly settings: ReplicationSettings;
  broker(id: NodeId): BrokerState | undefined;

  readonly key: PartitionKey;
  readonly log: PartitionLog;
  readonly assignment: PartitionAssignment;
  readonly highWatermark: Offset;
  raiseHighWatermark(offset: Offset): void;
  /** After the log was cut, or has begun anew elsewhere. */
  fitHighWatermark(): void;
  deleteTo(offset: Offset): void;

  persist(appends: readonly SegmentAppend[]): void;
  cut(cuts: readonly SegmentCut[]): void;
  /** `deadlineUs` of the role may be earlier than it was. */
  deadlineMoved(): void;

  /** A leader's: an answer without records, to be sent at once. */
  answer(to: NodeId, answer: FetchAnswer): void;
  /** There is something to answer to the follower's parked fetch. */
  answerReady(progress: ReplicaProgress): void;
  /** The follower has shown that it got the answer on its way, or nobody waits for it any more. */
  answerArrived(progress: ReplicaProgress): void;
  /** A follower has said where its log begins. */
  followerReported(): void;
  propose(proposal: AlterPartitionProposal): void;
  appendEnded(token: number, bytes: number, end: AppendEnd): void;

  /** A follower's: it wants to fetch. */
  fetchDue(): void;
  /** It has synced something that its leader does not know. */
  syncedDue(): void;
}
