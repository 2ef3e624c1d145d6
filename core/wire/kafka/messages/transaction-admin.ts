import { type Infer, bool, int16, int32, int64, list, message, string } from '../schema.ts';

/** A transaction coordinator tells leaders of partitions how transactions ended (KIP-98). */
export const WriteTxnMarkersRequest = message(
  'WriteTxnMarkersRequest',
  { versions: '0-1', flexible: '1+' },
  {
    markers: list('0+', {
      producerId: int64('0+'),
      producerEpoch: int16('0+'),
      transactionResult: bool('0+'),
      topics: list('0+', {
        name: string('0+'),
        partitionIndexes: list('0+', int32),
      }),
      coordinatorEpoch: int32('0+'),
    }),
  },
);
export type WriteTxnMarkersRequest = Infer<typeof WriteTxnMarkersRequest>;

/** How it went, by producer and partition. */
export const WriteTxnMarkersResponse = message(
  'WriteTxnMarkersResponse',
  { versions: '0-1', flexible: '1+' },
  {
    markers: list('0+', {
      producerId: int64('0+'),
      topics: list('0+', {
        name: string('0+'),
        partitions: list('0+', {
          partitionIndex: int32('0+'),
          errorCode: int16('0+'),
        }),
      }),
    }),
  },
);
export type WriteTxnMarkersResponse = Infer<typeof WriteTxnMarkersResponse>;

/** Asks for transactions by their ids (KIP-664). */
export const DescribeTransactionsRequest = message(
  'DescribeTransactionsRequest',
  { versions: '0', flexible: '0+' },
  {
    transactionalIds: list('0+', string),
  },
);
export type DescribeTransactionsRequest = Infer<typeof DescribeTransactionsRequest>;

/** State, producer and partitions, by transaction. */
export const DescribeTransactionsResponse = message(
  'DescribeTransactionsResponse',
  { versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32('0+'),
    transactionStates: list('0+', {
      errorCode: int16('0+'),
      transactionalId: string('0+'),
      transactionState: string('0+'),
      transactionTimeoutMs: int32('0+'),
      transactionStartTimeMs: int64('0+'),
      producerId: int64('0+'),
      producerEpoch: int16('0+'),
      topics: list('0+', {
        topic: string('0+'),
        partitions: list('0+', int32),
      }),
    }),
  },
);
export type DescribeTransactionsResponse = Infer<typeof DescribeTransactionsResponse>;

/** Asks for a coordinator's transactions, of given states and producers (KIP-664); from version 1 on those that run for so long (KIP-994). */
export const ListTransactionsRequest = message(
  'ListTransactionsRequest',
  { versions: '0-1', flexible: '0+' },
  {
    stateFilters: list('0+', string),
    producerIdFilters: list('0+', int64),
    durationFilter: int64('1+', { default: -1 }),
  },
);
export type ListTransactionsRequest = Infer<typeof ListTransactionsRequest>;

/** The transactions. */
export const ListTransactionsResponse = message(
  'ListTransactionsResponse',
  { versions: '0-1', flexible: '0+' },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    unknownStateFilters: list('0+', string),
    transactionStates: list('0+', {
      transactionalId: string('0+'),
      producerId: int64('0+'),
      transactionState: string('0+'),
    }),
  },
);
export type ListTransactionsResponse = Infer<typeof ListTransactionsResponse>;
