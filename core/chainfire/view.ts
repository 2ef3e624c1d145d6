import { type RaftView } from '../raft/types.ts';
import { type AlarmMember, type Member } from './api/cluster.ts';
import { type AlarmState } from './alarm/alarm-state.ts';
import { type CheckState } from './alarm/check-state.ts';
import { type AppliedCounts } from './applied-counts.ts';
import { type StateMachine } from './apply.ts';
import { type AuthState } from './auth/auth-state.ts';
import { type MemberAuth } from './auth/member-auth.ts';
import { type AutoCompactionOptions } from './auto-compaction-options.ts';
import { type Backlog } from '../raft/backlog.ts';
import { type LeaseTable } from './lease/lease-table.ts';
import { type LeaseView, viewLeases } from './lease/lease-view.ts';
import { type Membership } from './membership.ts';
import { type MemberDirectory } from './members.ts';
import { historyTable, mainRevisionOf, revisionKey } from './mvcc/keys.ts';
import { type Mvcc } from './mvcc/mvcc.ts';
import { type NamespaceView, viewNamespaces } from './namespace/list.ts';
import { type Namespaces } from './namespace/namespaces.ts';
import { type WatchQuota } from './namespace/watch-quota.ts';
import { type WatchCounts, type WatchHub } from './watch/hub.ts';

/** What the outside may see of a member: for metrics and for the simulator's checkers. Live: it shows the present. */
export interface MemberView {
  readonly raft: RaftView;
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  /** Rolling checksum over everything applied: equal on all members at an equal applied index. */
  readonly appliedHash: number;
  readonly revision: number;
  readonly compactRevision: number;
  /** What compaction by itself is told to keep. */
  readonly autoCompaction: AutoCompactionOptions | undefined;
  /** Highest applied index whose effects are known to be on disk. */
  readonly storedIndex: number;
  readonly pendingRequests: number;
  readonly watches: WatchCounts;
  readonly members: readonly Member[];
  /** The change of the members that the log has taken and that has not ended, and who is to vote once it has caught up. */
  readonly membership: Pick<Membership, 'change' | 'aspirants'>;
  /** Users, roles and permissions. */
  readonly auth: Pick<AuthState, 'enabled' | 'revision' | 'user' | 'role' | 'userNames' | 'roleNames'>;
  /** Who a caller is, before it is admitted. */
  readonly callers: Pick<MemberAuth, 'identify'>;
  /** Those that are raised, by member and kind. */
  alarms(): readonly AlarmMember[];
  /** Rises whenever they may be others; counted since the process started. */
  readonly alarmChanges: number;
  /** The last comparison of the members, and what has come of it. */
  readonly checks: Pick<CheckState, 'check'>;
  /** Bytes of all rows here, and of those visible at the current revision. */
  readonly storedBytes: number;
  readonly liveBytes: number;
  /** Done since the process started. */
  readonly applied: AppliedCounts;
  readonly isLearner: boolean;
  /** What the wall clock showed last; undefined before it was looked at. What the leader writes into entries to decide by. */
  readonly wallClockUs: number | undefined;
  readonly leaseCount: number;
  /** In the order of their names; a copy of all. */
  namespaces(): readonly NamespaceView[];
  /** Another whenever namespaces were defined, limited anew or removed; of this life of the process alone. */
  readonly namespaceVersion: number;
  /** By id; a copy of all, so not for every scrape of a member with a million. */
  leases(): readonly LeaseView[];
  /** Keys that are attached to the lease, in order. */
  leaseKeys(id: bigint): readonly string[];
  /**
   * What the revisions from `from` to `to`, both included, changed, in order; lazily, straight from the store. Not above
   * `revision`; of compacted ones only what compaction has left.
   */
  history(from: number, to: number): Iterable<{ readonly revision: number; readonly record: Uint8Array }>;
}

interface ViewParts {
  readonly config: { readonly autoCompaction?: AutoCompactionOptions | undefined };
  readonly raft: RaftView;
  readonly mvcc: Mvcc;
  readonly state: StateMachine;
  readonly backlog: Backlog;
  readonly directory: MemberDirectory;
  readonly leases: LeaseTable;
  readonly membership: Membership;
  readonly auth: AuthState;
  readonly callers: Pick<MemberAuth, 'identify'>;
  readonly alarms: AlarmState;
  readonly checks: CheckState;
  readonly nowUs: () => number;
  readonly wallClockUs: () => number | undefined;
  readonly pendingRequests: () => number;
  readonly watches: Pick<WatchHub, 'counts'>;
  readonly namespaces: Namespaces;
  readonly watchQuota: WatchQuota;
}

export function createView(parts: ViewParts): MemberView {
  const { raft, mvcc, state, backlog, directory, leases, nowUs, wallClockUs, watches } = parts;
  return {
    raft,
    get appliedIndex() {
      return state.index;
    },
    get appliedTerm() {
      return state.term;
    },
    get appliedHash() {
      return mvcc.hash;
    },
    get revision() {
      return mvcc.revision;
    },
    get compactRevision() {
      return mvcc.compactRevision;
    },
    autoCompaction: parts.config.autoCompaction,
    get storedIndex() {
      return backlog.storedIndex;
    },
    get pendingRequests() {
      return parts.pendingRequests();
    },
    get watches() {
      return watches.counts;
    },
    get members() {
      return directory.list(state.configuration);
    },
    get storedBytes() {
      return mvcc.storedBytes;
    },
    get liveBytes() {
      return mvcc.liveBytes;
    },
    membership: parts.membership,
    auth: parts.auth,
    checks: parts.checks,
    callers: parts.callers,
    alarms: () => parts.alarms.list(),
    get alarmChanges() {
      return parts.alarms.changes;
    },
    applied: mvcc.counters,
    get isLearner() {
      return state.configuration.learners.includes(raft.id);
    },
    get wallClockUs() {
      return wallClockUs();
    },
    get leaseCount() {
      return leases.size;
    },
    get namespaceVersion() {
      return parts.namespaces.version;
    },
    namespaces: () => viewNamespaces(parts.namespaces, parts.watchQuota),
    leases: () => viewLeases(leases, nowUs()),
    leaseKeys: (id) => mvcc.attachedKeys(id),
    *history(from, to) {
      const range = { from: revisionKey(from, 0), to: revisionKey(to + 1, 0) };
      for (const [key, record] of mvcc.store.range(historyTable, range)) {
        yield { revision: mainRevisionOf(key), record };
      }
    },
  };
}
