import {
  type PersistEffect,
  type RemoveSegmentsEffect,
  type SendEffect,
  type SendSnapshotEffect,
  type StopEffect,
} from '../../base/effects.ts';
import { type NodeId } from '../../base/ids.ts';
import { type TickEvent } from '../../base/machine.ts';
import { bytesPerMib, usPerSecond } from '../../base/units.ts';
import { defaultRaftOptions, type RaftOptions, type SnapshotHeader } from '../../raft/types.ts';
import { defaultMetadataLimits, type MetadataLimits } from './limits.ts';
import { type MetadataMessage } from './messages.ts';
import { type MetadataOutcome } from './outcomes.ts';
import { type Endpoint } from './rows.ts';

/** What a broker's metadata is told at start; the same everywhere in its life. */
export interface MetadataConfig {
  readonly id: NodeId;
  /** Brokers of the static bootstrap, ascending, the same for all: each of them votes. */
  readonly initialBrokers: readonly NodeId[];
  /** This broker has started before, and its log was durable: without it, it does not start. Default: perhaps its first start. */
  readonly hasStarted?: boolean | undefined;
  /** Where clients reach this broker, by listener. */
  readonly endpoints: readonly Endpoint[];
  readonly rack?: string | undefined;
  readonly raft: RaftOptions;
  /** A broker that the controller has not heard of for so long is fenced. */
  readonly sessionTimeoutUs: number;
  /** How often a broker says that it lives; several of them fit into a session. */
  readonly beatIntervalUs: number;
  /** How often the controller looks for partitions that their preferred leader could lead; 0: never. */
  readonly leaderBalanceIntervalUs: number;
  /** A command that is not applied by then is answered with REQUEST_TIMED_OUT. */
  readonly commandTimeoutUs: number;
  /** Commands that wait to be applied; beyond it they are refused as THROTTLING_QUOTA_EXCEEDED. */
  readonly commandsPendingMax: number;
  /** Bytes of a command as it goes into the log; beyond it, it is refused as INVALID_REQUEST. */
  readonly commandBytesMax: number;
  /** Bytes written to the store and not yet reported as stored; at the bound nothing more is applied. */
  readonly storeBacklogBytesMax: number;
  /** Log entries kept behind the applied index that is stored, for brokers that are a little late. */
  readonly trailingEntries: number;
  /** Part of the replicated state's rules: the same on all brokers. */
  readonly limits: MetadataLimits;
}

/** Every setting that has a default. */
export const defaultMetadataConfig: Omit<MetadataConfig, 'id' | 'initialBrokers' | 'endpoints'> = {
  raft: defaultRaftOptions,
  sessionTimeoutUs: 9 * usPerSecond,
  beatIntervalUs: 2 * usPerSecond,
  leaderBalanceIntervalUs: 300 * usPerSecond,
  commandTimeoutUs: 30 * usPerSecond,
  commandsPendingMax: 10_000,
  commandBytesMax: 4 * bytesPerMib,
  storeBacklogBytesMax: 64 * bytesPerMib,
  trailingEntries: 5_000,
  limits: defaultMetadataLimits,
};

export type MetadataEvent =
  | TickEvent
  | { readonly kind: 'received'; readonly from: NodeId; readonly messages: readonly MetadataMessage[] }
  /** Of this part's own sync numbers. */
  | { readonly kind: 'synced'; readonly syncSeq: number }
  | { readonly kind: 'stored'; readonly storeSeq: number }
  | {
      readonly kind: 'snapshotReceived';
      readonly from: NodeId;
      readonly stageId: number;
      readonly header: SnapshotHeader;
    }
  | { readonly kind: 'snapshotSent'; readonly to: NodeId }
  | { readonly kind: 'snapshotFailed'; readonly to: NodeId };

export type MetadataEffect =
  | PersistEffect
  | SendEffect<MetadataMessage>
  | RemoveSegmentsEffect
  | SendSnapshotEffect<SnapshotHeader>
  | StopEffect
  /** What became of a command that was proposed here; once for each. */
  | { readonly kind: 'outcome'; readonly token: number; readonly outcome: MetadataOutcome }
  /** Everything that had been decided when `confirm` gave out this number, or a lower one, is applied. */
  | { readonly kind: 'confirmed'; readonly number: number };
