import { type TopicPartition } from '../types.ts';

/** Where a transaction stands, with Kafka's names and, in its records, its numbers. */
export const transactionStatuses = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
] as const;
export type TransactionStatus = (typeof transactionStatuses)[number];

/** What is known of a transactional id; each version of it is a record of `__transaction_state`. */
export interface TransactionState {
  readonly producerId: number;
  /** Of the producer that may use the id now; −1 before the first. */
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  readonly status: TransactionStatus;
  /** That take part in the transaction that is open or about to end; each once, in the order in which they came. */
  readonly partitions: readonly TopicPartition[];
  /** Wall time; −1: none was ever begun. */
  readonly startedMs: number;
  readonly updatedMs: number;
}

/** Its outcome is decided: markers are on their way, and nothing else may happen to it. */
export function isDecided({ status }: TransactionState): boolean {
  return status === 'PrepareCommit' || status === 'PrepareAbort';
}

/** A producer's epochs end here: then it gets another id. One is kept, so that the last one can be fenced, too. */
export const producerEpochMax = 32_766;

/** With partitions added that are not in it yet. @returns undefined: all of them are */
export function withPartitions(
  known: readonly TopicPartition[],
  more: readonly TopicPartition[],
): readonly TopicPartition[] | undefined {
  const names = new Set(known.map(nameOf));
  const added = more.filter((partition) => {
    const name = nameOf(partition);
    if (names.has(name)) return false;
    names.add(name);
    return true;
  });
  return added.length === 0 ? undefined : [...known, ...added];
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
