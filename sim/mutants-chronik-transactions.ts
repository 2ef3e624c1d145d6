import { type Mutant } from './mutant.ts';

const transactions = ['chronik-transactions'] as const;

/** Bugs in brokers' transactions. */
export const chronikTransactionMutants: readonly Mutant[] = [
  {
    name: 'chronik-marker-ends-whatever-is-open',
    about:
      'A marker that comes late, or twice, ends the transaction that its producer has begun meanwhile (KAFKA-14402).',
    file: 'core/chronik/transaction/marker-writer.ts',
    anchor: '(partition.openTransaction(marker.producerId) ?? -1) === marker.firstOffset;',
    replacement: 'marker.firstOffset >= -1;',
    caughtBy: ['transactions-whole'],
    scenarios: ['chronik-late-markers', ...transactions],
  },
  {
    name: 'chronik-aborted-transactions-not-listed',
    about:
      'An answer to a fetch does not say which of its transactions were aborted: readers of what is committed take them.',
    file: 'core/chronik/log/partition-log.ts',
    anchor: 'return this.#producers.transactions.abortedIn(fromOffset, toOffset);',
    replacement: 'return this.#producers.transactions.abortedIn(fromOffset, toOffset).slice(1);',
    caughtBy: ['transactions-whole'],
    scenarios: transactions,
  },
  {
    name: 'chronik-open-transactions-are-read',
    about:
      'Readers of what is committed are given everything up to the high watermark, open transactions included.',
    file: 'core/chronik/log/partition-log.ts',
    anchor: 'return this.#producers.transactions.lastStableOffset(highWatermark);',
    replacement: 'return highWatermark;',
    caughtBy: ['transactions-whole', 'served-records'],
    scenarios: transactions,
  },
  {
    name: 'chronik-decided-and-forgotten',
    about:
      'A new coordinator does not go on with transactions whose outcome an older one had decided and not told.',
    file: 'core/chronik/transaction/ledger.ts',
    anchor: 'if (isDecided(entry.state)) this.#tell({ led, entry }, nowUs);\n      else ',
    replacement: '',
    caughtBy: ['liveness'],
    scenarios: transactions,
  },
  {
    name: 'chronik-zombie-not-fenced',
    about:
      'What a producer has open when it comes back is aborted under the epoch that it had: the one before may go on.',
    file: 'core/chronik/transaction/ledger.ts',
    anchor: 'producerEpoch: state.producerEpoch + (given.fences ? 1 : 0),',
    replacement: 'producerEpoch: state.producerEpoch,',
    caughtBy: ['transactions-whole', 'liveness'],
    scenarios: transactions,
  },
  {
    name: 'chronik-commit-told-before-it-is-decided',
    about:
      'A commit is told, and its markers leave, when its record was appended, not when that is below the high watermark.',
    file: 'core/chronik/transaction/ledger.ts',
    anchor: 'led.appended(entry);\n    return undefined;',
    replacement:
      "if (state.status !== 'PrepareCommit') {\n      led.appended(entry);\n      return undefined;\n    }\n    entry.pending = undefined;\n    entry.state = state;\n    follows.reply('NONE');\n    follows.then(nowUs);\n    return undefined;",
    caughtBy: ['transactions-whole'],
    scenarios: ['chronik-coordinator-cut-off'],
  },
];
