import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type DescribeTransactionsResponse,
  type ListTransactionsRequest,
  type ListTransactionsResponse,
} from '../../wire/kafka/messages/transaction-admin.ts';
import { type TransactionEntry } from './entry.ts';
import { type TransactionStatus, transactionStatuses } from './state.ts';

type Described = DescribeTransactionsResponse['transactionStates'][number];

/** What DescribeTransactions says of one id (KIP-664). */
export function describeEntry({ transactionalId, state }: TransactionEntry): Described {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of state.partitions)
    topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return {
    errorCode: kafkaErrors.NONE,
    transactionalId,
    transactionState: state.status,
    transactionTimeoutMs: state.timeoutMs,
    transactionStartTimeMs: state.startedMs,
    producerId: state.producerId,
    producerEpoch: state.producerEpoch,
    topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
  };
}

export function undescribed(transactionalId: string, errorCode: number): Described {
  return {
    errorCode,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: -1,
    producerId: -1,
    producerEpoch: -1,
    topics: [],
  };
}

/** ListTransactions, of the ids that the client may see. */
export function listEntries(
  entries: Iterable<TransactionEntry>,
  request: ListTransactionsRequest,
  wallMs: number,
): ListTransactionsResponse {
  const known = (name: string): name is TransactionStatus =>
    (transactionStatuses as readonly string[]).includes(name);
  const transactionStates = [];
  for (const { transactionalId, state } of entries) {
    const { status, producerId, startedMs } = state;
    if (request.stateFilters.length > 0 && !request.stateFilters.includes(status)) continue;
    if (request.producerIdFilters.length > 0 && !request.producerIdFilters.includes(producerId)) continue;
    const isOpen = status === 'Ongoing' || status === 'PrepareCommit' || status === 'PrepareAbort';
    if (request.durationFilter >= 0 && !(isOpen && wallMs - startedMs > request.durationFilter)) continue;
    transactionStates.push({ transactionalId, producerId, transactionState: status });
  }
  return {
    throttleTimeMs: 0,
    errorCode: kafkaErrors.NONE,
    unknownStateFilters: request.stateFilters.filter((name) => !known(name)),
    transactionStates,
  };
}
