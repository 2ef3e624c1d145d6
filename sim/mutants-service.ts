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
  {
    name: 'stored-at-commit',
    about:
      'The log is cut behind what the store has taken, committed and not yet flushed (LMDB’s word in place of `stored`).',
    file: 'core/raft/backlog.ts',
    anchor: 'this.#batches.push({ storeSeq, bytes, index });',
    replacement: 'this.#storedIndex = index;\n    this.#batches.push({ storeSeq, bytes, index });',
    also: [
      {
        file: 'core/raft/backlog.ts',
        anchor:
          "assert(batch.index >= this.#storedIndex, 'batches carry rising indexes');\n      this.#storedIndex = batch.index;",
        replacement: '',
      },
    ],
    caughtBy: ['data-lost', 'invariant', 'durable-log', 'durability'],
    scenarios: ['slow-stores', 'swarm'],
  },
  {
    name: 'applied-index-ahead-of-data',
    about:
      'The applied index is written in a transaction of its own, before what it speaks of: a crash between loses the rest (etcd 13766).',
    file: 'core/chainfire/apply.ts',
    anchor: 'const storeSeq = this.#store.write(writes);',
    replacement: 'this.#store.write(writes.splice(-1));\n    const storeSeq = this.#store.write(writes);',
    caughtBy: [
      'state-machine-safety',
      'convergence',
      'lease-agreement',
      'linearizability',
      'invariant',
      'member-answers',
      'data-lost',
    ],
    scenarios: ['crash-under-load', 'slow-stores', 'swarm'],
  },
  {
    name: 'applied-index-behind-data',
    about:
      'The applied index is written in a transaction of its own, behind what it speaks of: a crash between has it applied twice (etcd 13766).',
    file: 'core/chainfire/apply.ts',
    anchor: 'const storeSeq = this.#store.write(writes);',
    replacement:
      'const applied = writes.splice(-1);\n    this.#store.write(writes);\n    const storeSeq = this.#store.write(applied);',
    caughtBy: [
      'state-machine-safety',
      'convergence',
      'lease-agreement',
      'linearizability',
      'invariant',
      'member-answers',
      'data-lost',
    ],
    scenarios: ['crash-under-load', 'slow-stores', 'swarm'],
  },
  {
    name: 'txn-without-reads-elsewhere',
    about:
      'Members that nobody waits at leave out what a txn reads, and so do not see that it is refused (etcd 18667).',
    file: 'core/chainfire/apply.ts',
    anchor: 'const response = this.#execute(command);',
    replacement:
      'const isOwn = command.boot === proposer.boot && command.member === proposer.member;\n' +
      '    const writesOf = (branch) => branch.filter((op) => op.requestRange === undefined);\n' +
      '    const { txn } = command;\n' +
      '    const lean = isOwn || txn === undefined ? txn : { ...txn, success: writesOf(txn.success), failure: writesOf(txn.failure) };\n' +
      '    const response = this.#execute({ ...command, txn: lean });',
    caughtBy: ['state-machine-safety', 'convergence', 'linearizability', 'invariant', 'revisions'],
    scenarios: ['compacted-read-in-a-txn'],
  },
  {
    name: 'revision-from-the-keys-left',
    about:
      'After a restart the revision is that of the newest key that is left, whatever was deleted since (etcd 17780).',
    file: 'core/chainfire/mvcc/mvcc.ts',
    anchor: 'this.#revision = applied.revision;',
    replacement:
      'this.#revision = firstRevision;\n' +
      "    for (const [, row] of this.#store.range(currentTable, { from: '' }))\n" +
      '      this.#revision = Math.max(this.#revision, decodeRecord(row).modRevision);',
    caughtBy: ['state-machine-safety', 'convergence', 'linearizability', 'invariant', 'revisions'],
    scenarios: ['crash-while-freeing', 'swarm'],
  },
  {
    name: 'freed-in-two-batches',
    about:
      'What compaction frees goes from one table in one transaction and from another in the next (etcd 14685).',
    file: 'core/chainfire/freeing.ts',
    anchor: 'this.#backlog.written(this.#store.write(batch), bytes, this.#state.index);',
    replacement:
      "this.#store.write(batch.filter(({ table }) => table !== 'index'));\n" +
      "      this.#backlog.written(this.#store.write(batch.filter(({ table }) => table === 'index')), bytes, this.#state.index);",
    caughtBy: ['invariant'],
    scenarios: ['crash-while-freeing'],
  },
  {
    name: 'compacted-one-revision-too-far',
    about: 'A retention by revisions compacts the oldest of those that are to be kept.',
    file: 'core/chainfire/auto-compaction.ts',
    anchor: 'return this.#mvcc.revision - options.revisions;',
    replacement: 'return this.#mvcc.revision - options.revisions + 1;',
    caughtBy: ['retained-history'],
    scenarios: ['history-kept-under-elections', 'swarm'],
  },
  {
    name: 'retention-from-the-newest-sample',
    about: 'A retention by time compacts to the revision of now, and not to that of a retention ago.',
    file: 'core/chainfire/auto-compaction.ts',
    anchor: 'return this.#samples[this.#newestReleased(nowUs, options)]?.revision;',
    replacement: 'return this.#samples.at(-1)?.revision;',
    caughtBy: ['retained-history'],
    scenarios: ['history-kept-under-elections', 'swarm'],
  },
];
