import { type NodeId } from '../core/base/ids.ts';
import { type ChainfireMember } from '../core/chainfire/member.ts';
import {
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberRequest,
} from '../core/chainfire/member-protocol.ts';
import {
  type ClientOutcome,
  type WatchBatch,
  type WatchEnd,
  type WatchTarget,
} from '../core/chainfire/client/protocol.ts';
import { type Backup, type OpenedBackup } from './backup/backup.ts';
import { type BackupPlan } from './backup/plan.ts';
import { type Fault, type FaultKind } from './fault.ts';
import { siteOf } from './site.ts';

/** An invariant that did not hold. The run ends with it; the report names `invariant` and shows `detail`. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly invariant: string;
  /** What tells this failure of the invariant from others of it: the same for every seed that shows the same bug. */
  readonly site: string;

  /** @param where what `site` is made of, where the detail holds too much of the one run */
  constructor(invariant: string, detail: string, where = detail) {
    super(`${invariant}: ${detail}`);
    this.invariant = invariant;
    this.site = siteOf(where);
  }
}

/** What a checker sees: everything, after every step of every member, and the clients' history at the end. */
export interface Checker {
  readonly name: string;
  /** After a member's step. @throws Violation */
  onStep?(step: StepObservation): void;
  /**
   * A member's disk has reported a sync: what waited for it has left. Before the step in which the member is told, of which
   * nothing may come: the disk can fail it. @throws Violation
   */
  onSynced?(sync: SyncObservation): void;
  /** A member was built from its disk (first start included). @throws Violation */
  onRecovered?(node: NodeId, member: ChainfireMember, nowUs: number): void;
  onCrashed?(node: NodeId, nowUs: number): void;
  /** The disk of a member that is down has lost something it had acknowledged; a member cannot always tell. */
  onDamaged?(node: NodeId, nowUs: number): void;
  /** A member shows itself as it is now to somebody who takes a backup. @throws Violation */
  onBackupOpened?(backup: OpenedBackup): void;
  /** A row in the store of a member has changed on its disk; nobody has told it. */
  onRotted?(node: NodeId, nowUs: number): void;
  /** After the liveness phase: history complete, members quiet. @throws Violation */
  onEnd?(end: RunEnd): void;
}

export interface StepObservation {
  readonly nowUs: number;
  readonly node: NodeId;
  readonly event: MemberEvent;
  readonly effects: readonly MemberEffect[];
  readonly member: ChainfireMember;
}

export interface SyncObservation {
  readonly node: NodeId;
  /** Highest sync number that is durable. */
  readonly syncSeq: number;
  /** As its last step has left it. */
  readonly member: ChainfireMember;
}

export interface RunEnd {
  readonly nowUs: number;
  readonly history: readonly Operation[];
  /** Members of the sufficient core that are up. */
  readonly members: ReadonlyMap<NodeId, ChainfireMember>;
  /** Every watch that a client has opened, with all that it was told. */
  readonly watches: readonly WatchLog[];
  /** Every time that a client took itself for the holder of a lock. */
  readonly holds: readonly LockHold[];
  /** Every backup that was taken and is whole; none: nobody takes any. */
  readonly backups?: readonly Backup[];
}

/** One watch of a client's, as its machine delivered it. Times are the world's. */
export interface WatchLog {
  readonly client: number;
  readonly watchId: number;
  readonly target: WatchTarget;
  readonly openedUs: number;
  readonly deliveries: readonly WatchDelivery[];
  /** Why it ended by itself; undefined: it was closed, or the run ended. */
  readonly end: WatchEnd | undefined;
  readonly closed: boolean;
}

export interface WatchDelivery {
  readonly atUs: number;
  readonly batch: WatchBatch;
}

/** A lock in one client's hands, from the answer that gave it until the client could not rely on it any more. */
export interface LockHold {
  readonly client: number;
  readonly name: string;
  readonly leaseId: bigint;
  /** Create revision of its key. */
  readonly fencingToken: number;
  readonly fromUs: number;
  /** Unlocked (when that was sent), or the end of what its lease was known to last; undefined: at the end of the run. */
  readonly toUs: number | undefined;
}

/**
 * One call of a client. Times are the world's. `endUs` is undefined while the outcome is unknown: such an operation may
 * take effect at any time after `startUs`, or never.
 */
export interface Operation {
  readonly client: number;
  readonly callId: number;
  readonly request: MemberRequest;
  readonly startUs: number;
  readonly endUs: number | undefined;
  readonly outcome: ClientOutcome;
}

/** A hand-written or generated run: cluster, workload, faults, checks, in that order. */
export interface Scenario {
  readonly name: string;
  /** One sentence: what must hold, and why it might not. */
  readonly about: string;
  readonly cluster: ClusterPlan;
  readonly workload: WorkloadPlan;
  /** Drawn from the seed for the swarm; the same for every seed in a hand-written scenario where it can be. */
  readonly faults: readonly Fault[];
  /** None: nobody takes any. */
  readonly backups?: BackupPlan | undefined;
  /** Names of `sim/checkers`; all of them unless said otherwise. */
  readonly checks: readonly string[] | 'all';
  /** Length of the safety phase. At least 60 s for the swarm. */
  readonly durationUs: number;
  /** What the run must have done to prove its point. Below a floor it fails as `idle`: nothing was shown. */
  readonly floors?: Floors;
}

/** Least counts over one run. */
export interface Floors {
  readonly answered?: number;
  readonly elections?: number;
  readonly snapshotsInstalled?: number;
  /** Partitions during which a member that was cut off from all others took itself for the leader. */
  readonly isolatedLeaders?: number;
  /** Restarts that found less in the log than the crashed process had written to it. */
  readonly tornTails?: number;
  /** Linearizable reads that were asked and answered while a fault was in force. */
  readonly readsDuringFaults?: number;
  /** Reads that a leader answered on its lease, without asking the others. */
  readonly leaseReads?: number;
  /** Pauses of the leader during which another was elected. */
  readonly pausedLeaders?: number;
  /** Leases that ran out: gone, and revoked by nobody. */
  readonly leasesExpired?: number;
  /** Keepalives that were acknowledged. */
  readonly keepAlives?: number;
  /** Elections of another member while leases were alive. */
  readonly electionsWithLeases?: number;
  readonly watchEvents?: number;
  /** Watches taken up again after their stream was lost. */
  readonly watchesResumed?: number;
  /** Watches that ended since what they lacked had been compacted. */
  readonly watchesCompacted?: number;
  readonly locksHeld?: number;
  /** Locks that were taken after standing in line for them. */
  readonly locksContended?: number;
  /** Deletions, beside those of txns, that found something to delete. */
  readonly deletions?: number;
  /** Puts that were told what their key had been before. */
  readonly overwrites?: number;
  /** Restarts that found the store behind what the crashed process had applied. */
  readonly appliedAgain?: number;
  /** Restarts that found what compaction had released partly freed. */
  readonly freedInPart?: number;
  /** Snapshots that replaced a snapshot that was installed within the last seconds. */
  readonly snapshotsInARow?: number;
  /** Txns that wrote, and read a revision of the past. */
  readonly historicTxns?: number;
  /** Txns that were refused whole since they read what was compacted. */
  readonly compactedTxns?: number;
  /** Watches that began at a revision that was still to come. */
  readonly watchesFromTheFuture?: number;
  /** Watches that began with a deletion at the very revision that history had been compacted to. */
  readonly watchesFromADeletion?: number;
  /** Times that watches fell behind the present since their stream had no room. */
  readonly watchesStarved?: number;
  /** Reports of progress that watches were given without an event. */
  readonly progressTold?: number;
  readonly backupsTaken?: number;
  /** Downloads that a member had begun to serve, and that broke off. */
  readonly backupsBrokenOff?: number;
  /** Clusters that were made from a backup and judged to their end. */
  readonly restored?: number;
  /** Calls that were answered by such a cluster. */
  readonly restoredAnswered?: number;
  /** Requests that were refused since there was no space. */
  readonly refusedForSpace?: number;
  /** Requests that were refused since members differed. */
  readonly refusedAsCorrupt?: number;
  readonly alarmsDisarmed?: number;
  /** Comparisons of the members that all of them reported on. */
  readonly comparisons?: number;
  /** Members that a comparison has found to differ. */
  readonly membersNamed?: number;
  readonly fired?: Readonly<Partial<Record<FaultKind, number>>>;
}

/** How a scenario file offers itself: everything may depend on the seed, and must not depend on anything else. */
export interface PlanSource<Plan> {
  readonly name: string;
  readonly about: string;
  plan(seed: number): Plan;
}

export type ScenarioSource = PlanSource<Scenario>;

export interface ClusterPlan {
  readonly members: number;
  /** Machines where nobody lives at first: members that are added begin there. Their addresses follow those of the members. */
  readonly spares?: number | undefined;
  /** Where the run differs from the simulator's defaults. */
  readonly config: Partial<Omit<MemberConfig, 'id' | 'clusterId' | 'initialMembers' | 'clientUrls'>>;
  /** Encode and decode every message with the wire codec. */
  readonly throughCodec: boolean;
}

export interface WorkloadPlan {
  readonly clients: number;
  /** Distinct keys: few make contention, many make ranges. */
  readonly keys: number;
  /** Pause between a client's calls, drawn uniformly. */
  readonly thinkUsMin: number;
  readonly thinkUsMax: number;
  readonly callTimeoutUs: number;
  /** Each client's process dies without a word and begins anew, after times drawn up to this; none: they all live on. */
  readonly clientLifeUsMax?: number | undefined;
  /** Values are padded to a size drawn uniformly up to this; none: short ones. Large values roll segments, tear sectors. */
  readonly valueBytesMax?: number | undefined;
  /** Relative weights; an operation that is not named never happens. */
  readonly mix: Readonly<Partial<Record<WorkloadOperation, number>>>;
}

export type WorkloadOperation =
  | 'put'
  | 'get'
  | 'serializableGet'
  | 'delete'
  | 'compareAndSwap'
  | 'txn'
  | 'range'
  | 'historicRange'
  /** Put a key and read the past in one txn, all of it or nothing. */
  | 'historicTxn'
  | 'compact'
  /** Take a lease, attach keys to it, keep it alive for a while, and let it expire or revoke it. */
  | 'lease'
  /** Open a watch of a key or a range, from now or from an earlier revision; close it some time later. */
  | 'watch'
  /** As an administrator, change users, roles and permissions; in a plan that has it every client speaks for some user. */
  | 'auth'
  /** As an operator, define namespaces, change their limits, remove them. */
  | 'namespace'
  /** As an operator, ask which alarms are raised, compact where space is short, disarm them; raise one now and then. */
  | 'upkeep'
  /** Take a lock on a lease of one's own, hold it for a while, and unlock it. */
  | 'lock';

/** What clients had of leases, watches and locks in a run, by what they were told. */
export interface ServiceCounts {
  /** Events that watches delivered. */
  readonly watchEvents: number;
  readonly leasesGranted: number;
  /** Granted, and never asked to be revoked: by the end of a run that is well they have run out. */
  readonly leasesExpired: number;
  readonly locksHeld: number;
}

export interface BackupCounts {
  readonly taken: number;
  readonly brokenOff: number;
  readonly restored: number;
  readonly restoredAnswered: number;
}

/** What a run has to show for itself, violation or not. */
export interface RunResult {
  readonly scenario: string;
  readonly seed: number;
  readonly violation:
    | {
        readonly invariant: string;
        /** See `Violation.site`. */
        readonly site: string;
        readonly detail: string;
        readonly atUs: number;
      }
    | undefined;
  /** Rolling hash over (time, node, event, effects), as 16 hex digits. */
  readonly hash: string;
  readonly simulatedUs: number;
  readonly events: number;
  readonly operations: {
    readonly answered: number;
    readonly refused: number;
    readonly failed: number;
    readonly unknown: number;
  } & ServiceCounts;
  readonly elections: number;
  readonly snapshotsInstalled: number;
  readonly faultsFired: Readonly<Partial<Record<FaultKind, number>>>;
  /** What came of backups; undefined where nobody was to take any. */
  readonly backups?: BackupCounts | undefined;
  /**
   * Why the run ended without a verdict: its faults destroyed more than any system could bring back. Only by faults that were
   * to ignore the fault atlas. Undefined: it was judged to its end.
   */
  readonly unrecoverable?: string | undefined;
  /** Roles and states that members came to, kinds of events, messages, requests and effects, codes of refusals; in order. */
  readonly coverage: readonly string[];
}
