import { type Mutant } from './mutant.ts';

/** Bugs of brokers: what Kafka has had, or would have without one of its rules. */
export const chronikMutants: readonly Mutant[] = [
  {
    name: 'chronik-truncate-to-high-watermark',
    about:
      'A follower begins by cutting its log to the high watermark that it knows, which may be an old one (KIP-101).',
    file: 'core/chronik/replication/following.ts',
    anchor: 'this.epoch = port.assignment.leaderEpoch;\n    port.fetchDue();',
    replacement:
      'this.epoch = port.assignment.leaderEpoch;\n    port.cut(port.log.truncateTo(Math.min(Math.max(port.highWatermark, port.log.logStartOffset), port.log.logEndOffset)));\n    port.fetchDue();',
    caughtBy: ['truncation', 'isr-holds-truth', 'leader-has-truth', 'replicas-agree', 'high-watermark'],
    scenarios: ['chronik-truncation-by-epoch', 'chronik-all-brokers-restarted'],
  },
  {
    name: 'chronik-epochs-ignored-on-rejoin',
    about:
      'A follower fetches from the end of its log without saying of which epoch that is: what has diverged stays (KIP-279).',
    file: 'core/chronik/replication/following.ts',
    anchor: 'lastFetchedEpoch: this.#log.lastEpoch,',
    replacement: 'lastFetchedEpoch: -1,',
    caughtBy: [
      'replicas-agree',
      'leader-has-truth',
      'isr-holds-truth',
      'replicas-converge',
      'told-otherwise',
      'liveness',
    ],
    scenarios: ['chronik-diverging-logs', 'chronik-zombie-leader'],
  },
  {
    name: 'chronik-stale-epoch-accepted',
    about:
      'A leader takes the word of whoever follows an earlier epoch, and answers who asks for it: nobody finds out what he missed.',
    file: 'core/chronik/replication/partition-reads.ts',
    anchor:
      "if (currentLeaderEpoch !== noEpoch && currentLeaderEpoch < leaderEpoch) return 'FENCED_LEADER_EPOCH';",
    replacement: 'void noEpoch;',
    also: [
      {
        file: 'core/chronik/replication/partition.ts',
        anchor: "if (leaderEpoch < this.#assignment.leaderEpoch) return 'FENCED_LEADER_EPOCH';",
        replacement: '',
      },
    ],
    caughtBy: ['epoch-fencing', 'high-watermark', 'replicas-agree', 'isr-holds-truth'],
    scenarios: ['chronik-all-brokers-restarted', 'chronik-diverging-logs'],
  },
  {
    name: 'chronik-stale-proposal-applied',
    about:
      'The in-sync set of a leader that was replaced, or has missed a change, is taken as if nothing had happened (KIP-497).',
    file: 'core/chronik/metadata/apply-partitions.ts',
    anchor: 'if (partitionEpoch !== known.partitionEpoch) {',
    replacement: 'if (partitionEpoch < 0) {',
    also: [
      {
        file: 'core/chronik/metadata/apply-partitions.ts',
        anchor: 'if (leaderEpoch < known.leaderEpoch) {',
        replacement: 'if (leaderEpoch < 0) {',
      },
      {
        file: 'core/chronik/metadata/apply-partitions.ts',
        anchor: 'if (known.leader !== broker) {',
        replacement: 'if (known.leader < -1) {',
      },
    ],
    caughtBy: [
      'isr-joins',
      'isr-holds-truth',
      'leader-has-truth',
      'high-watermark',
      'unclean-elections',
      'invariant',
    ],
    scenarios: ['chronik-uninformed-leader', 'chronik'],
  },
  {
    name: 'chronik-lagging-member-ignored',
    about:
      'The high watermark is that of the quickest follower: a member of the in-sync set that lags behind does not count.',
    file: 'core/chronik/replication/leadership.ts',
    anchor: 'if (id !== this.#port.id) mark = Math.min(mark, this.#progressOf(id).syncedOffset);',
    replacement:
      'if (id !== this.#port.id) mark = Math.min(mark, Math.max(...this.#followers.map((each) => each.syncedOffset)));',
    caughtBy: ['high-watermark'],
    scenarios: ['chronik-shrinking-in-sync-set'],
  },
  {
    name: 'chronik-pending-members-ignored',
    about:
      'The high watermark waits only for members that the metadata has, not for those that were just proposed (KIP-497).',
    file: 'core/chronik/replication/leadership.ts',
    anchor: 'for (const id of this.isr.maximal) {',
    replacement: 'for (const id of this.isr.committed) {',
    caughtBy: ['high-watermark', 'isr-joins', 'isr-holds-truth', 'leader-has-truth'],
    scenarios: ['chronik-torn-tails', 'chronik-producer-across-failover', 'chronik'],
  },
  {
    name: 'chronik-unclean-election-with-the-flag-off',
    about: 'Where nobody in sync can lead, somebody else does, whether the topic allows it or not.',
    file: 'core/chronik/metadata/election.ts',
    anchor: 'const substitute = allowsUnclean() ?',
    replacement: 'const substitute = allowsUnclean() || true ?',
    caughtBy: ['unclean-elections', 'leader-has-truth'],
    scenarios: ['chronik-unclean-election-forbidden'],
  },
  {
    name: 'chronik-unclean-election-unrecorded',
    about:
      'Whoever is left leads where the topic does not allow it, and nothing tells afterwards that it happened.',
    file: 'core/chronik/metadata/election.ts',
    anchor: 'const substitute = allowsUnclean() ?',
    replacement: 'const substitute = allowsUnclean() || true ?',
    also: [
      {
        file: 'core/chronik/metadata/election.ts',
        anchor: 'const uncleanElections = whole.uncleanElections + 1;',
        replacement: 'const { uncleanElections } = whole;',
      },
    ],
    caughtBy: ['unclean-elections', 'leader-has-truth', 'told-otherwise', 'served-records'],
    scenarios: ['chronik-unclean-election-forbidden'],
  },
  {
    name: 'chronik-read-above-the-high-watermark',
    about: 'Consumers are served everything that the leader has, whether others have it or not.',
    file: 'core/chronik/replication/partition-reads.ts',
    anchor: "return isolation === 'readCommitted' ? partition.lastStableOffset : partition.highWatermark;",
    replacement:
      "return isolation === 'readCommitted' ? partition.lastStableOffset : partition.log.logEndOffset;",
    caughtBy: ['served-records'],
    scenarios: ['chronik-diverging-logs', 'chronik-producer-across-failover'],
  },
  {
    name: 'chronik-producers-lost-on-failover',
    about:
      'A follower remembers nothing of producers: when it leads, a batch that is sent again is appended again (KIP-98).',
    file: 'core/chronik/log/partition-log.ts',
    anchor: 'const appends = this.#append(checked.batches, records);',
    replacement: 'const appends = this.#append(checked.batches, records);\n    this.#producers.clear(true);',
    caughtBy: ['idempotence'],
    scenarios: ['chronik-producer-across-failover'],
  },
  {
    name: 'chronik-sequence-unchecked',
    about:
      'A leader takes whatever sequence number comes: batches that overtake each other stay in the wrong order (KIP-98).',
    file: 'core/chronik/log/producers.ts',
    anchor: 'if (baseSequence !== expected) return',
    replacement: 'if (baseSequence !== expected && baseSequence < -1) return',
    caughtBy: ['idempotence'],
    scenarios: ['chronik-lossy-network', 'chronik-producer-across-failover'],
  },
  {
    name: 'chronik-gap-seen-by-a-deposed-leader',
    about:
      'A leader calls a batch out of order without a look at whether it was replaced: its successor has what is missing.',
    file: 'core/chronik/replication/partition.ts',
    anchor: "const isDoubtful = result.error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' && acks === -1;",
    replacement: "const isDoubtful = result.error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' && acks < -1;",
    caughtBy: ['idempotence'],
    scenarios: ['chronik-deposed-leader'],
  },
  {
    name: 'chronik-acknowledged-by-the-leader-alone',
    about: 'A producer that waits for all in sync is answered when the leader has the batch on its own disk.',
    file: 'core/chronik/replication/partition.ts',
    anchor: 'const waits = acks === 1 ? leadership.syncWaits : leadership.commitWaits;',
    replacement: 'const waits = acks !== 0 ? leadership.syncWaits : leadership.commitWaits;',
    caughtBy: ['acknowledged-when-replicated', 'isr-holds-truth'],
    scenarios: ['chronik-producer-across-failover'],
  },
  {
    name: 'chronik-in-sync-set-changed-locally',
    about:
      'A leader goes on with the in-sync set that it has proposed before the controller has agreed to it.',
    file: 'core/chronik/replication/in-sync-replicas.ts',
    anchor: 'this.#mayJoin = [...this.#mayJoin, ...joining];',
    replacement: 'this.#mayJoin = [...this.#mayJoin, ...joining];\n    this.committed = isr;',
    caughtBy: [
      'high-watermark',
      'acknowledged-when-replicated',
      'isr-holds-truth',
      'leader-has-truth',
      'told-otherwise',
    ],
    scenarios: [
      'chronik-zombie-leader',
      'chronik-diverging-logs',
      'chronik-unclean-election-forbidden',
      'chronik',
    ],
  },
  {
    name: 'chronik-metadata-in-memory-only',
    about:
      'What the metadata is is not written to the store, only how far it was applied: a start finds nothing of it.',
    file: 'core/chronik/metadata/replica.ts',
    anchor: 'const writes = this.#state.takeWrites();',
    replacement: "const writes = this.#state.takeWrites().filter(({ table }) => table === 'meta');",
    caughtBy: ['metadata-agrees', 'one-leader', 'liveness', 'invariant', 'thrown', 'leader-has-truth'],
    scenarios: ['chronik-all-brokers-restarted'],
  },
  {
    name: 'chronik-unsynced-counts',
    about:
      'A follower reports what it has appended, not what is on its disk: power cuts take what was acknowledged.',
    file: 'core/chronik/replication/following.ts',
    anchor: 'syncedOffset: this.#log.syncedEndOffset,\n      logStartOffset',
    replacement: 'syncedOffset: this.#log.logEndOffset,\n      logStartOffset',
    caughtBy: ['high-watermark', 'isr-holds-truth', 'leader-has-truth'],
    scenarios: ['chronik-torn-tails', 'chronik-all-brokers-restarted'],
  },
  {
    name: 'chronik-min-insync-ignored',
    about: 'Writes go on however few are in sync: min.insync.replicas is nothing but a number.',
    file: 'core/chronik/replication/leadership.ts',
    anchor: 'return this.isr.committed.length >= Math.min(minInsyncReplicas, replicas.length);',
    replacement: 'return this.isr.committed.length >= Math.min(minInsyncReplicas, replicas.length, 1);',
    caughtBy: ['high-watermark', 'acknowledged-when-replicated', 'idle'],
    scenarios: ['chronik-shrinking-in-sync-set'],
  },
  {
    name: 'chronik-lagging-replica-joins',
    about:
      'A follower joins the in-sync set wherever it is: whoever elects it next takes it for one that has everything.',
    file: 'core/chronik/replication/leadership.ts',
    anchor: 'if (syncedOffset < this.#port.highWatermark || syncedOffset < this.startOffset) return;',
    replacement: 'void syncedOffset;',
    caughtBy: ['isr-joins', 'isr-holds-truth', 'leader-has-truth', 'high-watermark'],
    scenarios: [
      'chronik-torn-tails',
      'chronik-shrinking-in-sync-set',
      'chronik-reassignment-without-controller',
    ],
  },
  {
    name: 'chronik-dead-replica-stays-in-sync',
    about:
      'A replica that fetches no more never leaves the in-sync set: producers that wait for all wait for ever.',
    file: 'core/chronik/replication/leadership.ts',
    anchor: 'return this.#isBehind(id) && lateUs <= nowUs;',
    replacement: 'return this.#isBehind(id) && lateUs <= nowUs && nowUs < 0;',
    caughtBy: ['idle', 'liveness'],
    scenarios: ['chronik-shrinking-in-sync-set'],
  },
];
