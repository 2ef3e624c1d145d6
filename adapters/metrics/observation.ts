import { type AlarmMember } from '../../core/chainfire/api/cluster.ts';
import { type AppliedCounts } from '../../core/chainfire/applied-counts.ts';
import { type NamespaceView } from '../../core/chainfire/namespace/list.ts';
import { type WatchCounts } from '../../core/chainfire/watch/hub.ts';

/** What a scrape reads of a member; every number as of now. */
export interface MemberObservation {
  readonly memberId: string;
  readonly hasLeader: boolean;
  readonly isLeader: boolean;
  readonly isLearner: boolean;
  readonly repairing: boolean;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly syncedIndex: number;
  readonly storedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly revision: number;
  readonly compactRevision: number;
  readonly pendingRequests: number;
  /** Bytes of all rows in the store, and of those visible at the current revision. */
  readonly storedBytes: number;
  readonly liveBytes: number;
  /** 0: none. */
  readonly quotaBackendBytes: number;
  readonly alarms: readonly AlarmMember[];
  readonly leaseCount: number;
  readonly watches: WatchCounts;
  readonly applied: AppliedCounts;
  readonly runner: RunnerObservation;
  readonly clients: TransferObservation;
  readonly peers: readonly PeerObservation[];
  readonly namespaces: readonly NamespaceView[];
}

/** Counted since the process started. */
export interface RunnerObservation {
  readonly events: number;
  readonly requestsOverloaded: number;
  readonly receivedDropped: number;
  readonly appendedBytes: number;
  readonly snapshotsSent: number;
  readonly snapshotsFailed: number;
}

/** Bytes on sockets since the process started. */
export interface TransferObservation {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export interface PeerObservation {
  readonly peer: string;
  readonly connected: boolean;
  readonly sentMessages: number;
  readonly sentBytes: number;
  readonly droppedMessages: number;
}
