import { Violation } from '../../types.ts';
import { type ChronikChecker } from '../checker.ts';
import { type CommittedRead, type TransactionTold } from '../history.ts';
import { type ChronikState } from '../state.ts';

/**
 * Transactions are whole (KIP-98): whoever reads what is committed is given no record of a transaction that was aborted, none
 * before its producer has asked for the commit, each once and in the order in which they were sent, and in the end either
 * all of a transaction's records or none; all of them where the producer was told that it is committed.
 *
 * Not verified: partitions whose records an administrator or an unclean election takes away (plans with transactions have
 * none); when a transaction that nobody ends is aborted, beyond that everybody can read on after all is healed.
 */
export class TransactionsWhole implements ChronikChecker {
  readonly name = 'transactions-whole';

  onEnd({ history }: ChronikState): void {
    const { transactions, committedReads } = history;
    if (transactions.length === 0) return;
    const ofValue = new Map<string, TransactionTold>();
    for (const transaction of transactions)
      for (const { value } of transaction.values) ofValue.set(value, transaction);
    const readers = new Map<number, CommittedRead[]>();
    for (const read of committedReads) {
      const transaction = ofValue.get(read.value);
      if (transaction === undefined) continue;
      this.#requireMayBeSeen(read, transaction);
      const reads = readers.get(read.client);
      if (reads === undefined) readers.set(read.client, [read]);
      else reads.push(read);
    }
    for (const [client, reads] of readers) this.#requireWhole(client, reads, transactions);
  }

  #requireMayBeSeen(read: CommittedRead, transaction: TransactionTold): void {
    const where = `${read.value} at offset ${read.offset} of ${read.topic}-${read.partition}`;
    if (transaction.outcome === 'aborted')
      throw new Violation(
        this.name,
        `client ${read.client} was given ${where}, of a transaction that was aborted`,
      );
    if (transaction.askedToCommitUs === undefined || read.atUs < transaction.askedToCommitUs)
      throw new Violation(
        this.name,
        `client ${read.client} was given ${where} before anybody asked for its commit`,
      );
  }

  /** Each reader has read to the end. */
  #requireWhole(
    client: number,
    reads: readonly CommittedRead[],
    transactions: readonly TransactionTold[],
  ): void {
    const seen = new Set<string>();
    for (const { value, topic, partition } of reads) {
      if (seen.has(value))
        throw new Violation(this.name, `client ${client} was given ${value} of ${topic}-${partition} twice`);
      seen.add(value);
    }
    for (const { values, outcome, client: producer, startUs } of transactions) {
      const found = values.filter(({ value }) => seen.has(value)).length;
      if (found === values.length || (found === 0 && outcome !== 'committed')) continue;
      const missing = values.find(({ value }) => !seen.has(value));
      throw new Violation(
        this.name,
        `client ${client} has read ${found} of ${values.length} records of client ${producer}'s transaction of ${startUs} µs ` +
          `(${outcome}); ${missing?.value ?? ''} of ${missing?.topic ?? ''}-${missing?.partition ?? 0} is not there`,
      );
    }
  }
}
