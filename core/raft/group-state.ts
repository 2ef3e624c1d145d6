import { assert, present } from '../base/assert.ts';
import { type GroupId, type NodeId } from '../base/ids.ts';
import { type CapturablePrng } from '../base/prng.ts';
import { isJoint, membersOf } from './configuration.ts';
import { ForwardedBatches } from './forwarded-batches.ts';
import { type RaftLog } from './log.ts';
import { type Outbox } from './outbox.ts';
import { Progress } from './progress.ts';
import { ReadState } from './read-state.ts';
import {
  type Configuration,
  type HardState,
  type LogIndex,
  type RaftMessage,
  type RaftOptions,
  type Role,
  type Term,
} from './types.ts';

/** A leadership transfer under way: proposals wait until it has ended one way or the other (dissertation §3.10). */
export interface Transfer {
  readonly to: NodeId;
  readonly deadlineUs: number;
}

/** A repair ends once this index of the leader's log is durable here: see repair.ts. */
export interface RepairTarget {
  readonly term: Term;
  readonly index: LogIndex;
}

/** Bytes that a leader has appended and not committed yet, by append. */
export interface UncommittedAppend {
  readonly lastIndex: LogIndex;
  readonly bytes: number;
}

/**
 * Everything that one group knows, shared by the files that each decide one part of it. Only those files change it;
 * `RaftGroup` is what the rest of the node sees.
 */
export class GroupState {
  readonly id: NodeId;
  readonly group: GroupId;
  readonly options: RaftOptions;
  prng: CapturablePrng;
  readonly log: RaftLog;
  readonly outbox: Outbox;
  /** Time of the step that is being handled. */
  nowUs: number;

  role: Role = 'follower';
  /** Whom this member takes for the leader of its term; 0: nobody. */
  leader: NodeId | 0 = 0;
  /** Highest index known durable on a quorum. Invariant: taken ≤ commit ≤ last. */
  commitIndex: LogIndex;
  /** What `take` has handed out. Invariant: applied ≤ taken ≤ min(commit, synced). */
  takenIndex: LogIndex;
  appliedIndex: LogIndex;
  /** What `committed` has announced. */
  announcedIndex: LogIndex;
  repairTarget: RepairTarget | undefined;
  /** Sync number of this start's first write: until it is durable, the boot number is not unique. */
  bootSyncSeq: number;
  /** Whom else to ask whether this member is one, when its log names nobody who is left. */
  readonly contacts: readonly NodeId[];
  /** What the state machine knows: this one was a member, or was to become one, and never will be again. */
  readonly isRemoved: (id: NodeId) => boolean;

  /** Drawn from [T, 2T) for each term and campaign. */
  electionTimeoutUs = 0;
  electionDeadlineUs = 0;
  /**
   * When a leader was last heard, of whatever term; with leader-lease reads no earlier than the start of this life, since
   * what was promised to a leader in an earlier one is forgotten.
   */
  leaderHeardUs: number;
  /** Answers to the campaign under way; a candidate's own vote is among them once it is durable. */
  readonly votes = new Map<NodeId, boolean>();
  /** The write that makes the candidate's own vote durable. */
  ownVoteSyncSeq = 0;

  // Of a leader.
  /** By member, ascending; our own included only for its role in the configuration, never for its figures. */
  progress = new Map<NodeId, Progress>();
  /** The same members as `progress` without our own, ascending. */
  peers: readonly NodeId[] = [];
  quorumCheckUs = Infinity;
  /** When this member became the leader of its term; `Infinity` while it leads none. */
  ledSinceUs = Infinity;
  transfer: Transfer | undefined;
  /** Somebody may have been told to campaign at once: no lease holds in this term any more. */
  leaseForfeited = false;
  /** Oldest first; its length is bounded since every element counts some bytes. */
  readonly uncommitted: UncommittedAppend[] = [];
  uncommittedBytes = 0;
  /** Snapshots asked for and not ended, with what was applied then; outlives the leadership: none is asked for twice. */
  readonly snapshotsUnderWay = new Map<NodeId, LogIndex>();
  readonly reads: ReadState;
  /** Numbers the batches of proposals that were forwarded in this life. */
  forwardSeq = 0;
  readonly forwardedBatches: ForwardedBatches;

  // What the end of the step has to see to.
  sendsDue = false;
  heartbeatsDue = false;
  commitDue = false;

  constructor(fields: {
    readonly id: NodeId;
    readonly group: GroupId;
    readonly options: RaftOptions;
    readonly prng: CapturablePrng;
    readonly log: RaftLog;
    readonly outbox: Outbox;
    readonly appliedIndex: LogIndex;
    readonly bootSyncSeq: number;
    readonly contacts: readonly NodeId[];
    readonly isRemoved: (id: NodeId) => boolean;
    readonly nowUs: number;
  }) {
    this.id = fields.id;
    this.group = fields.group;
    this.options = fields.options;
    this.prng = fields.prng;
    this.log = fields.log;
    this.outbox = fields.outbox;
    this.nowUs = fields.nowUs;
    this.leaderHeardUs = fields.options.leaseReads === undefined ? -Infinity : fields.nowUs;
    this.commitIndex = fields.appliedIndex;
    this.takenIndex = fields.appliedIndex;
    this.appliedIndex = fields.appliedIndex;
    this.announcedIndex = fields.appliedIndex;
    this.bootSyncSeq = fields.bootSyncSeq;
    this.contacts = fields.contacts;
    this.isRemoved = fields.isRemoved;
    this.forwardedBatches = new ForwardedBatches(fields.options.inflightBytesMax);
    this.reads = new ReadState(fields.options.pendingReadsMax);
  }

  get hardState(): HardState {
    return this.log.journal.hardState;
  }

  get term(): Term {
    return this.log.journal.hardState.term;
  }

  get boot(): number {
    return this.log.journal.hardState.boot;
  }

  get repairing(): boolean {
    return this.log.journal.repairing;
  }

  get configuration(): Configuration {
    return this.log.configuration;
  }

  /** No change of the configuration is under way: the one in force is whole and committed. */
  get configurationSettled(): boolean {
    return !isJoint(this.configuration) && this.log.configurationIndex <= this.commitIndex;
  }

  /** A leader may answer reads and change the configuration only once this holds (dissertation §6.4). */
  get committedInTerm(): boolean {
    return this.log.termAt(this.commitIndex) === this.term;
  }

  saveVote(term: Term, vote: NodeId | 0): void {
    this.log.journal.saveHardState({ term, vote, boot: this.boot });
  }

  /** What this member says may be sent at once. */
  send(to: NodeId, message: RaftMessage): void {
    this.outbox.send(this.group, to, message);
  }

  /** What this member says holds only once everything that it has written is durable. */
  sendDurable(to: NodeId, message: RaftMessage): void {
    this.outbox.send(this.group, to, message, this.log.journal.writeSeq);
  }

  /** The message is numbered within this boot, which must be durable for the number to be unique. */
  sendNumbered(to: NodeId, message: RaftMessage): void {
    this.outbox.send(this.group, to, message, this.bootSyncSeq);
  }

  progressOf(peer: NodeId): Progress {
    return present(this.progress.get(peer), 'a leader knows the progress of every member');
  }

  /** What a member is known to hold durably; ourselves included. Bound once, for the quorum functions. */
  readonly matchOf = (id: NodeId): LogIndex =>
    id === this.id ? this.log.syncedIndex : (this.progress.get(id)?.match ?? 0);

  readonly isActive = (id: NodeId): boolean => id === this.id || (this.progress.get(id)?.active ?? false);

  /** Commits up to `index`, which is known durable on a quorum and equal to ours. */
  commitTo(index: LogIndex): void {
    if (index <= this.commitIndex) return;
    assert(index <= this.log.lastIndex, 'what commits is in the log');
    this.commitIndex = index;
  }

  /**
   * Makes the members that a leader serves those of the configuration. Who was removed is served a little longer: it
   * stays until `farewells` quorum checks have passed, so that it can learn of its removal.
   */
  alignProgress(): void {
    const members = membersOf(this.configuration);
    const aligned = new Map<NodeId, Progress>();
    const leaving = [...this.progress.keys()].filter((id) => !members.includes(id));
    for (const id of [...members, ...leaving].sort((left, right) => left - right)) {
      const known = this.progress.get(id);
      const progress = known ?? new Progress(this.log.lastIndex + 1, this.options);
      const isMember = members.includes(id);
      if (isMember) progress.farewells = 0;
      else if (progress.farewells === 0) progress.farewells = farewellChecks;
      // A new member gets time to be heard of before the next quorum check.
      if (known === undefined) progress.active = true;
      aligned.set(id, progress);
    }
    this.progress = aligned;
    this.peers = [...aligned.keys()].filter((id) => id !== this.id);
  }

  forget(peer: NodeId): void {
    this.progress.delete(peer);
    this.peers = this.peers.filter((id) => id !== peer);
  }
}

/** Two: so that a member removed just before a check is served for a whole interval at least. */
const farewellChecks = 2;
