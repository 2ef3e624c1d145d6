import { type PersistEffect, type RemoveSegmentsEffect, type SendEffect } from '../base/effects.ts';
import { type GroupId, type NodeId } from '../base/ids.ts';
import { type TickEvent } from '../base/machine.ts';

/** Election term; 0 before the first election. */
export type Term = number;
/** Position in a group's log, 1-based; 0 means "before the log". */
export type LogIndex = number;

/**
 * `empty` is a new leader's first entry; `command` belongs to the state machine; `configuration` carries an encoded
 * `Configuration` and takes effect when it is appended (Raft §4.1), not when it commits.
 */
export type EntryKind = 'empty' | 'command' | 'configuration';

export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** What must be durable before a member speaks for it. */
export interface HardState {
  readonly term: Term;
  /** Whom this member voted for in `term`; 0: nobody. */
  readonly vote: NodeId | 0;
  /** Counts this member's starts, so that a leader learns that a follower may hold less than it had acknowledged. */
  readonly boot: number;
}

/** Members by role. Joint while `outgoing` is not empty: both majorities are needed (Raft §4.3). Lists are sorted. */
export interface Configuration {
  readonly voters: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
}

export interface RaftOptions {
  readonly electionTimeoutUs: number;
  readonly heartbeatIntervalUs: number;
  /** Entries' bytes in one append, at least one entry. */
  readonly appendBytesMax: number;
  readonly inflightAppendsMax: number;
  readonly inflightBytesMax: number;
  /** Proposed but not committed; beyond it a proposal is refused as `BUSY`. */
  readonly uncommittedBytesMax: number;
  /** Recent entries kept in memory; older ones are read through the segment port. */
  readonly cacheBytesMax: number;
  /** Read requests that wait for a leader's first commit or for a heartbeat round; beyond it `BUSY`. */
  readonly pendingReadsMax: number;
  /** A segment file is closed at this size. */
  readonly segmentBytesMax: number;
  /**
   * Reads on the leader's lease (see lease.ts); undefined: each read is confirmed by a quorum. Right only while no member's
   * monotonic clock gains or loses more than this, in millionths, nor stands still while it runs, and while
   * `electionTimeoutUs` is not lowered at a restart.
   */
  readonly leaseReads: { readonly clockDriftPpmMax: number } | undefined;
}

export const defaultRaftOptions: RaftOptions = {
  electionTimeoutUs: 1_000_000,
  heartbeatIntervalUs: 100_000,
  appendBytesMax: 1_048_576,
  inflightAppendsMax: 256,
  inflightBytesMax: 16_777_216,
  uncommittedBytesMax: 67_108_864,
  cacheBytesMax: 8_388_608,
  pendingReadsMax: 65_536,
  segmentBytesMax: 67_108_864,
  leaseReads: undefined,
};

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** Every message names its sender's term. `from` and `group` travel in the envelope. */
export type RaftMessage =
  | {
      readonly kind: 'voteRequest';
      /** The term campaigned for: in a pre-vote one above the sender's own. */
      readonly term: Term;
      readonly lastIndex: LogIndex;
      readonly lastTerm: Term;
      readonly preVote: boolean;
      /** Set when a leader asked for this campaign: leader stickiness does not apply (Raft §3.10). */
      readonly transfer: boolean;
    }
  | {
      readonly kind: 'voteResponse';
      readonly term: Term;
      readonly preVote: boolean;
      readonly granted: boolean;
    }
  | {
      readonly kind: 'appendRequest';
      readonly term: Term;
      readonly previousIndex: LogIndex;
      readonly previousTerm: Term;
      readonly entries: readonly Entry[];
      readonly commitIndex: LogIndex;
      /** The receiver's boot as the sender knows it; 0: not heard of yet. Ends a repair safely (see repair.ts). */
      readonly boot: number;
    }
  | {
      readonly kind: 'appendResponse';
      readonly term: Term;
      /** Accepted: the last index known durable and matching. Rejected: the `previousIndex` that did not match. */
      readonly index: LogIndex;
      readonly rejected: boolean;
      /** Rejected: where the follower's log could match at best, and its term there (fast backtracking). */
      readonly hintIndex: LogIndex;
      readonly hintTerm: Term;
      readonly boot: number;
    }
  | {
      readonly kind: 'heartbeatRequest';
      readonly term: Term;
      readonly commitIndex: LogIndex;
      /** Number of the newest read round that an answer confirms; 0: none. */
      readonly readSeq: number;
      /** When it was sent, by the leader's clock; 0: the leader keeps no lease. */
      readonly sentUs: number;
    }
  | {
      readonly kind: 'heartbeatResponse';
      readonly term: Term;
      readonly readSeq: number;
      /** As in the heartbeat. */
      readonly sentUs: number;
      /** The sender votes for nobody for as long, by its own clock; 0: it promises nothing (see lease.ts). */
      readonly promisedUs: number;
      readonly boot: number;
      readonly lastIndex: LogIndex;
    }
  | { readonly kind: 'timeoutNow'; readonly term: Term }
  | {
      /** A proposal that a follower hands to its leader; lost ones are the proposer's to time out. */
      readonly kind: 'proposalForwarded';
      readonly term: Term;
      /** With `forwardSeq`, 1, 2, 3 … within a boot: the leader takes each once, though the network may double it. */
      readonly boot: number;
      readonly forwardSeq: number;
      readonly proposals: readonly Uint8Array[];
    }
  /** The answer to such a batch that did not fit: all but its first `taken` will never be taken. */
  | {
      readonly kind: 'proposalsRefused';
      readonly term: Term;
      readonly boot: number;
      readonly forwardSeq: number;
      readonly taken: number;
    }
  /** `context` is the sender's own number of the request, unique within its boot; the answer repeats both. */
  | {
      readonly kind: 'readIndexRequest';
      readonly term: Term;
      readonly boot: number;
      readonly context: number;
    }
  | {
      readonly kind: 'readIndexResponse';
      readonly term: Term;
      readonly boot: number;
      readonly context: number;
      readonly index: LogIndex;
    }
  /** Nobody leads the sender, and it may not campaign: is it a member at all? Answered only where it was removed. */
  | { readonly kind: 'membershipQuery'; readonly term: Term }
  /** To one who was removed and acts as if it did not know: the sender has applied its removal, at `index` or before. */
  | { readonly kind: 'removalNotice'; readonly term: Term; readonly index: LogIndex };

/** A message of one group; a `send` effect of a node carries those of many groups to one peer. */
export interface GroupMessage {
  readonly group: GroupId;
  readonly message: RaftMessage;
}

/** Why a proposal or a read did not go ahead. Nothing was done, and nothing will be. */
export type RaftRefusal =
  'NO_LEADER' | 'BUSY' | 'CONFIGURATION_IN_PROGRESS' | 'NOT_LEADER' | 'INVALID_CONFIGURATION';

/** Events of one node, which holds many groups. */
export type RaftNodeEvent =
  | TickEvent
  | { readonly kind: 'received'; readonly from: NodeId; readonly messages: readonly GroupMessage[] }
  | { readonly kind: 'synced'; readonly syncSeq: number }
  /** Commands for the log; a follower forwards them. `proposalRefused` comes back at once, or later from a
   * leader that has no room (`BUSY`), or never (lost: the proposer times out). */
  | { readonly kind: 'proposed'; readonly group: GroupId; readonly proposals: readonly Uint8Array[] }
  | { readonly kind: 'configurationProposed'; readonly group: GroupId; readonly configuration: Configuration }
  /** Answered by `readReady` or `readRefused` with the same context, or never (lost: the asker times out). */
  | { readonly kind: 'readRequested'; readonly group: GroupId; readonly context: number }
  /** The state machine has applied up to `index` (what `take` returned). */
  | { readonly kind: 'applied'; readonly group: GroupId; readonly index: LogIndex }
  /** The log at or below `index` is no longer needed: a durable store holds its effects. */
  | { readonly kind: 'compacted'; readonly group: GroupId; readonly index: LogIndex }
  | { readonly kind: 'transferRequested'; readonly group: GroupId; readonly to: NodeId }
  /** The state machine now is the snapshot's; the log restarts behind it. */
  | {
      readonly kind: 'snapshotInstalled';
      readonly group: GroupId;
      readonly from: NodeId;
      readonly header: SnapshotHeader;
    }
  /** The stream to `to` ended; a lost answer is repaired by probing. */
  | { readonly kind: 'snapshotSent'; readonly group: GroupId; readonly to: NodeId }
  | { readonly kind: 'snapshotFailed'; readonly group: GroupId; readonly to: NodeId };

export interface SnapshotHeader {
  readonly group: GroupId;
  /** The leader's term when it sent the snapshot. */
  readonly leaderTerm: Term;
  /** Last index and term that the snapshot's state reflects, and the configuration in force there. */
  readonly index: LogIndex;
  readonly term: Term;
  readonly configuration: Configuration;
}

export type RaftNodeEffect =
  | PersistEffect
  | SendEffect<GroupMessage>
  | RemoveSegmentsEffect
  /** There are entries for `take`: committed, and durable in this member's own log. */
  | { readonly kind: 'committed'; readonly group: GroupId }
  | {
      readonly kind: 'readReady';
      readonly group: GroupId;
      readonly context: number;
      readonly index: LogIndex;
    }
  | {
      readonly kind: 'readRefused';
      readonly group: GroupId;
      readonly context: number;
      readonly code: RaftRefusal;
    }
  | {
      readonly kind: 'proposalRefused';
      readonly group: GroupId;
      readonly proposals: readonly Uint8Array[];
      readonly code: RaftRefusal;
    }
  | { readonly kind: 'configurationRefused'; readonly group: GroupId; readonly code: RaftRefusal }
  | {
      readonly kind: 'leaderChanged';
      readonly group: GroupId;
      readonly term: Term;
      readonly role: Role;
      readonly leader: NodeId | 0;
    }
  /** `by` says that this member was removed from the group, at `index` or before: it is never a member again. */
  | { readonly kind: 'removed'; readonly group: GroupId; readonly by: NodeId; readonly index: LogIndex }
  /** A follower needs what the log no longer holds. Asked once until `snapshotSent` or `snapshotFailed`. */
  | { readonly kind: 'snapshotNeeded'; readonly group: GroupId; readonly to: NodeId };

/** What a leader knows of another member. */
export interface PeerView {
  /** Highest index known durable there and equal to the leader's. */
  readonly matchIndex: LogIndex;
  /** It takes the log as it grows: nothing is being searched for, and no snapshot is under way. */
  readonly replicating: boolean;
  /** Heard of within the last election time-out, by this leader and in this term. */
  readonly active: boolean;
}

/** What the outside may see of a group: for status answers, metrics, and the simulator's checkers. */
export interface RaftView {
  readonly id: NodeId;
  readonly term: Term;
  readonly vote: NodeId | 0;
  readonly role: Role;
  readonly leader: NodeId | 0;
  readonly commitIndex: LogIndex;
  /** The log holds firstIndex … lastIndex; firstIndex − 1 is what a snapshot or compaction covers. */
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** This member's own durable end of the log. */
  readonly syncedIndex: LogIndex;
  readonly configuration: Configuration;
  /** Where the configuration in force was appended, or an index at or below what was applied. */
  readonly configurationIndex: LogIndex;
  /** No change of the configuration is under way, as far as this member's log tells. */
  readonly configurationSettled: boolean;
  /** True while the log is known to be damaged: the member neither votes, campaigns nor acknowledges as if whole. */
  readonly repairing: boolean;
  /** This member has led for an election time-out: whomever it has not heard of is away. */
  readonly hasListened: boolean;
  /** Of a member that is served; undefined for every other, and while this one does not lead. */
  peer(id: NodeId): PeerView | undefined;
  /** Undefined below firstIndex − 1 and above lastIndex. */
  termAt(index: LogIndex): Term | undefined;
  /** Entries from … to, both included, clipped to what the log holds and to `bytesMax` (at least one). */
  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[];
}
