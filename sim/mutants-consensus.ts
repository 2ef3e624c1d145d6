import { type Mutant } from './mutant.ts';

/** Bugs in how members elect, replicate, commit and remember. */
export const consensusMutants: readonly Mutant[] = [
  {
    name: 'commit-older-term',
    about: 'A leader commits an entry of an earlier term by counting its replicas (Raft §5.4.2, figure 8).',
    file: 'core/raft/leader-log.ts',
    anchor: 'if (index <= state.commitIndex || state.log.termAt(index) !== state.term) return;',
    replacement: 'if (index <= state.commitIndex) return;',
    caughtBy: ['leader-completeness', 'state-machine-safety', 'linearizability', 'invariant'],
    scenarios: ['figure-8'],
  },
  {
    name: 'vote-before-durable',
    about: 'A vote is answered before it is on the disk, and forgotten in a crash (Raft §5.2).',
    file: 'core/raft/election.ts',
    anchor: 'state.sendDurable(from, response);',
    replacement: 'state.send(from, response);',
    caughtBy: ['vote-once'],
    scenarios: ['crashing-voters', 'swarm'],
  },
  {
    name: 'term-not-persisted',
    about:
      'A new term and the vote in it stay in memory until something else is written (Raft, figure 2: persistent state).',
    file: 'core/raft/journal.ts',
    anchor: 'this.#hardStateChanged = true;\n    this.#enlist();',
    replacement: 'this.#hardStateChanged = true;',
    caughtBy: ['vote-once', 'election-safety'],
    scenarios: ['crashing-voters', 'swarm'],
  },
  {
    name: 'acknowledge-before-sync',
    about: 'A follower acknowledges entries that are not yet on its disk.',
    file: 'core/raft/follower.ts',
    anchor: 'state.sendDurable(to, {',
    replacement: 'state.send(to, {',
    caughtBy: ['durable-log', 'commit-quorum'],
    scenarios: ['swarm'],
  },
  {
    name: 'single-voter-commits-unsynced',
    about:
      'A member that is alone commits what is not yet on its disk (dissertation §10.2.1 asks for a quorum of disks).',
    file: 'core/raft/group-state.ts',
    anchor: 'id === this.id ? this.log.syncedIndex :',
    replacement: 'id === this.id ? (this.peers.length === 0 ? this.log.lastIndex : this.log.syncedIndex) :',
    caughtBy: ['commit-quorum'],
    scenarios: ['lone-member', 'swarm'],
  },
  {
    name: 'up-to-date-by-length',
    about: 'A voter compares the lengths of logs and ignores the terms of their last entries (Raft §5.4.1).',
    file: 'core/raft/election.ts',
    anchor:
      'message.lastTerm > lastTerm || (message.lastTerm === lastTerm && message.lastIndex >= lastIndex)',
    replacement: 'message.lastIndex >= lastIndex && lastTerm >= 0',
    caughtBy: ['leader-completeness', 'state-machine-safety', 'linearizability', 'invariant'],
    scenarios: ['diverging-logs', 'swarm'],
  },
  {
    name: 'truncate-without-conflict',
    about: 'A late append cuts off what came after it, though nothing in it conflicts (Raft §5.3).',
    file: 'core/raft/follower.ts',
    anchor: 'if (held === entry.term) continue;',
    replacement: 'if (held === entry.term && entry.index <= state.commitIndex) continue;',
    caughtBy: ['conflict-before-cut', 'commit-quorum', 'leader-completeness'],
    scenarios: ['swarm'],
  },
  {
    name: 'commit-beyond-match',
    about:
      "A heartbeat carries the leader's commit index to a follower that is not known to hold that much, which commits what " +
      'it has (Raft, figure 2: the index of the last new entry).',
    file: 'core/raft/replication.ts',
    anchor: 'commitIndex: Math.min(state.commitIndex, state.progressOf(peer).match),',
    replacement: 'commitIndex: state.commitIndex,',
    caughtBy: [
      'leader-completeness',
      'state-machine-safety',
      'commit-quorum',
      'linearizability',
      'invariant',
    ],
    scenarios: ['swarm', 'diverging-logs'],
  },
  {
    name: 'stale-answer-regresses-match',
    about:
      'A late answer to an append takes back what a later one had said (Raft, figure 2: matchIndex only rises).',
    file: 'core/raft/progress.ts',
    anchor: 'if (news) this.match = index;',
    replacement: 'this.match = index;',
    caughtBy: ['match-never-falls', 'invariant'],
    scenarios: ['lost-doubled-and-late', 'swarm'],
  },
];
