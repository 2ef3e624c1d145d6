import { type StorageBackend } from '../storage/backend.ts';
import { StateMachine } from './apply.ts';
import { AlarmState } from './alarm/alarm-state.ts';
import { CheckJob } from './alarm/check-job.ts';
import { CheckState } from './alarm/check-state.ts';
import { AuthState } from './auth/auth-state.ts';
import { Backlog } from '../raft/backlog.ts';
import { LeaseDeadlines } from './lease/lease-deadlines.ts';
import { LeaseTable } from './lease/lease-table.ts';
import { type MemberConfig } from './member-protocol.ts';
import { Membership } from './membership.ts';
import { initialConfigurationOf, MemberDirectory } from './members.ts';
import { readApplied } from './mvcc/meta.ts';
import { Mvcc } from './mvcc/mvcc.ts';
import { Namespaces } from './namespace/namespaces.ts';
import { WatchQuota } from './namespace/watch-quota.ts';

/** The replicated state as this member has it, and what it counts beside it. */
export interface Replica {
  readonly mvcc: Mvcc;
  readonly directory: MemberDirectory;
  readonly membership: Membership;
  readonly auth: AuthState;
  readonly alarms: AlarmState;
  readonly namespaces: Namespaces;
  readonly watchQuota: WatchQuota;
  readonly checks: CheckState;
  readonly checkJob: CheckJob;
  readonly leases: LeaseTable;
  readonly deadlines: LeaseDeadlines;
  readonly backlog: Backlog;
  readonly state: StateMachine;
}

/** What the store holds. Every lease begins its time to live anew. */
export function recoverReplica(
  store: StorageBackend,
  config: Pick<MemberConfig, 'initialMembers' | 'storeBacklogBytesMax' | 'clockDriftPpmMax'>,
  nowUs: number,
): Replica {
  const mvcc = new Mvcc(store);
  const directory = new MemberDirectory(config.initialMembers, store);
  const leases = new LeaseTable(mvcc);
  const deadlines = new LeaseDeadlines(leases, config.clockDriftPpmMax);
  deadlines.restart(nowUs);
  const backlog = new Backlog(config.storeBacklogBytesMax, readApplied(store).index);
  const initialConfiguration = initialConfigurationOf(config.initialMembers);
  const membership = new Membership(directory, config.initialMembers, store);
  const auth = new AuthState(store, (bytes) => mvcc.mix(bytes));
  const alarms = new AlarmState(store, (bytes) => mvcc.mix(bytes));
  const namespaces = new Namespaces(mvcc);
  const watchQuota = new WatchQuota(namespaces);
  const checks = new CheckState(store, (bytes) => mvcc.mix(bytes));
  const checkJob = new CheckJob(store);
  const state = new StateMachine({
    mvcc,
    backlog,
    directory,
    membership,
    auth,
    alarms,
    namespaces,
    checks,
    checkJob,
    leases,
    initialConfiguration,
  });
  return {
    mvcc,
    directory,
    membership,
    auth,
    alarms,
    namespaces,
    watchQuota,
    checks,
    checkJob,
    leases,
    deadlines,
    backlog,
    state,
  };
}
