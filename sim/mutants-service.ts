import { type Mutant } from './mutant.ts';

/** Bugs in reads, in applying, in what the log and the store owe each other, and in the client. */
export const serviceMutants: readonly Mutant[] = [
  {
    name: 'unconfirmed-reads',
    about:
      'A leader serves linearizable reads without asking a quorum whether it still leads (dissertation §6.4).',
    file: 'core/raft/read-index.ts',
    anchor: 'if (!confirmed) return;',
    replacement: 'if (!confirmed && round.reads.length === 0) return;',
    caughtBy: ['linearizability', 'revisions'],
    scenarios: ['paused-leader', 'isolated-leader', 'swarm'],
  },
  {
    name: 'reads-before-first-commit',
    about: 'A new leader serves reads before it has committed anything in its term (dissertation §6.4).',
    file: 'core/raft/read-index.ts',
    anchor: 'if (reads.waiting.length === 0 || !state.committedInTerm) return;',
    replacement: 'if (reads.waiting.length === 0) return;',
    caughtBy: ['linearizability', 'revisions'],
    scenarios: ['swarm', 'diverging-logs'],
  },
  {
    name: 'old-heartbeats-confirm-reads',
    about:
      'Any answer to a heartbeat confirms the newest round of reads, also one that is older than the round.',
    file: 'core/raft/replication.ts',
    anchor: 'Math.max(progress.readSeq, Math.min(message.readSeq, state.reads.readSeq))',
    replacement: 'state.reads.readSeq',
    caughtBy: ['linearizability', 'revisions'],
    scenarios: ['paused-leader', 'swarm'],
  },
  {
    name: 'apply-before-sync',
    about: 'A member applies what is committed before it is durable in its own log.',
    file: 'core/raft/group.ts',
    anchor: 'return Math.min(this.#state.commitIndex, this.#state.log.syncedIndex);',
    replacement: 'return this.#state.commitIndex;',
    caughtBy: ['commit-and-term-monotonic'],
    scenarios: ['swarm'],
  },
  {
    name: 'log-cut-before-stored',
    about: 'The log is cut behind what was applied, though the store has not yet written it to the disk.',
    file: 'core/chainfire/member.ts',
    anchor: 'const index = this.#backlog.storedIndex - this.#config.trailingEntries;',
    replacement: 'const index = this.#state.index - this.#config.trailingEntries;',
    caughtBy: ['data-lost', 'invariant', 'durable-log', 'durability'],
    scenarios: ['slow-stores', 'swarm'],
  },
  {
    name: 'older-snapshot-installed',
    about: 'A snapshot that arrives late takes the store back to what it was.',
    file: 'core/chainfire/member.ts',
    anchor: 'if (header.group !== group || header.index <= this.#state.index) {',
    replacement: 'if (header.group !== group) {',
    caughtBy: ['invariant', 'commit-and-term-monotonic', 'state-machine-safety'],
    scenarios: ['late-snapshots', 'swarm'],
  },
  {
    name: 'forwarded-twice',
    about: 'A proposal that the network doubled on its way to the leader is put into the log twice.',
    file: 'core/raft/forwarding.ts',
    anchor: 'if (message.boot === progress.forwardBoot && message.forwardSeq <= progress.forwardSeq) return;',
    replacement: '',
    caughtBy: ['revisions', 'linearizability'],
    scenarios: ['swarm'],
  },
  {
    name: 'unknown-writes-retried',
    about: 'The client tries a write again though the first attempt may have been done.',
    file: 'core/chainfire/client/calls.ts',
    anchor: "if (verdict === 'unknown' && !call.isRead) {",
    replacement: "if (verdict === 'unknown' && !call.isRead && call.failures > 3) {",
    caughtBy: ['revisions', 'linearizability'],
    scenarios: ['swarm'],
  },
];
