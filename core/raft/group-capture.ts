import { passArray, passMap, passNumber, type StateForm } from '../base/capture.ts';
import { passPrng } from '../base/prng.ts';
import { type GroupState } from './group-state.ts';
import { Progress } from './progress.ts';
import { roles } from './roles.ts';

/** Everything that a group knows beside its options, its identity and what its log says of term and vote. */
export function passGroupState(form: StateForm, state: GroupState): void {
  form.same('id', state.id);
  state.prng = passPrng(form, 'prng', state.prng);
  form.part('log', state.log);
  state.nowUs = form.number('nowUs', state.nowUs);
  state.role = form.choice('role', state.role, roles);
  state.leader = form.number('leader', state.leader);
  state.commitIndex = form.number('commitIndex', state.commitIndex);
  state.takenIndex = form.number('takenIndex', state.takenIndex);
  state.appliedIndex = form.number('appliedIndex', state.appliedIndex);
  state.announcedIndex = form.number('announcedIndex', state.announcedIndex);
  state.repairTarget = form.optional(
    'repairTarget',
    state.repairTarget,
    { term: 0, index: 0 },
    (fields, target) => ({
      term: fields.number('term', target.term),
      index: fields.number('index', target.index),
    }),
  );
  state.bootSyncSeq = form.number('bootSyncSeq', state.bootSyncSeq);
  passElection(form, state);
  passLeadership(form, state);
  form.part('reads', state.reads);
  state.forwardSeq = form.number('forwardSeq', state.forwardSeq);
  form.part('forwardedBatches', state.forwardedBatches);
  state.sendsDue = form.flag('sendsDue', state.sendsDue);
  state.heartbeatsDue = form.flag('heartbeatsDue', state.heartbeatsDue);
  state.commitDue = form.flag('commitDue', state.commitDue);
}

function passElection(form: StateForm, state: GroupState): void {
  state.electionTimeoutUs = form.number('electionTimeoutUs', state.electionTimeoutUs);
  state.electionDeadlineUs = form.number('electionDeadlineUs', state.electionDeadlineUs);
  state.leaderHeardUs = form.number('leaderHeardUs', state.leaderHeardUs);
  passMap(form, 'votes', state.votes, {
    blank: [state.id, false],
    pass: (row, [from, granted]) => [row.number('from', from), row.flag('granted', granted)],
  });
  state.ownVoteSyncSeq = form.number('ownVoteSyncSeq', state.ownVoteSyncSeq);
}

function passLeadership(form: StateForm, state: GroupState): void {
  const { id, options } = state;
  const blank = new Progress(1, options);
  passMap(form, 'progress', state.progress, {
    blank: [id, blank],
    pass: (row, [member, known]) => {
      const progress = form.restores ? new Progress(1, options) : known;
      const passed = row.number('member', member);
      progress.passState(row);
      return [passed, progress];
    },
  });
  state.peers = form.list('peers', state.peers, id, passNumber);
  state.quorumCheckUs = form.number('quorumCheckUs', state.quorumCheckUs);
  state.ledSinceUs = form.number('ledSinceUs', state.ledSinceUs);
  state.transfer = form.optional(
    'transfer',
    state.transfer,
    { to: id, deadlineUs: 0 },
    (fields, transfer) => ({
      to: fields.number('to', transfer.to),
      deadlineUs: fields.number('deadlineUs', transfer.deadlineUs),
    }),
  );
  state.leaseForfeited = form.flag('leaseForfeited', state.leaseForfeited);
  passArray(form, 'uncommitted', state.uncommitted, { lastIndex: 0, bytes: 0 }, (row, append) => ({
    lastIndex: row.number('lastIndex', append.lastIndex),
    bytes: row.number('bytes', append.bytes),
  }));
  state.uncommittedBytes = form.number('uncommittedBytes', state.uncommittedBytes);
  passMap(form, 'snapshotsUnderWay', state.snapshotsUnderWay, {
    blank: [id, 0],
    pass: (row, [to, index]) => [row.number('to', to), row.number('index', index)],
  });
}
