import { concatBytes } from '../../base/bytes.ts';
import { encodeBatch } from '../../wire/kafka/records.ts';
import { int16, int32, int64, int8, list, message, string } from '../../wire/kafka/schema.ts';
import { WireError } from '../../wire/reader.ts';
import { type TransactionState, transactionStatuses } from './state.ts';

/**
 * Records of `__transaction_state`, in Kafka's own format, which its tools read: a version of 16 bits, then the fields.
 *
 * Source: Kafka's message definitions TransactionLogKey and TransactionLogValue, version 0.
 */
const Key = message(
  'TransactionLogKey',
  { versions: '0', flexible: 'none' },
  { transactionalId: string('0') },
);

const Value = message(
  'TransactionLogValue',
  { versions: '0', flexible: 'none' },
  {
    producerId: int64('0'),
    producerEpoch: int16('0'),
    transactionTimeoutMs: int32('0'),
    transactionStatus: int8('0'),
    transactionPartitions: list(
      '0',
      { nullable: '0' },
      { topic: string('0'), partitionIds: list('0', int32) },
    ),
    transactionLastUpdateTimestampMs: int64('0'),
    transactionStartTimestampMs: int64('0'),
  },
);

const version0 = new Uint8Array(2);

export function encodeTransactionKey(transactionalId: string): Uint8Array {
  return concatBytes([version0, ...bytesOf(Key.encode({ transactionalId }, 0).chunks)]);
}

/** @returns undefined for a key of another kind, which is of no concern here. @throws WireError */
export function decodeTransactionKey(bytes: Uint8Array): string | undefined {
  return isVersion0(bytes) ? Key.decode(bytes.subarray(2), 0).transactionalId : undefined;
}

export function encodeTransactionState(state: TransactionState): Uint8Array {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of state.partitions) {
    const partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, [partition]);
    else partitions.push(partition);
  }
  const value = Value.create({
    producerId: state.producerId,
    producerEpoch: state.producerEpoch,
    transactionTimeoutMs: state.timeoutMs,
    transactionStatus: transactionStatuses.indexOf(state.status),
    transactionPartitions: [...topics].map(([topic, partitionIds]) => ({ topic, partitionIds })),
    transactionLastUpdateTimestampMs: state.updatedMs,
    transactionStartTimestampMs: state.startedMs,
  });
  return concatBytes([version0, ...bytesOf(Value.encode(value, 0).chunks)]);
}

/** @throws WireError */
export function decodeTransactionState(bytes: Uint8Array): TransactionState {
  if (!isVersion0(bytes)) throw new WireError('a transaction is recorded in a version that is not known');
  const value = Value.decode(bytes.subarray(2), 0);
  const status = transactionStatuses[value.transactionStatus];
  if (status === undefined)
    throw new WireError(`a transaction has the unknown status ${value.transactionStatus}`);
  return {
    producerId: value.producerId,
    producerEpoch: value.producerEpoch,
    timeoutMs: value.transactionTimeoutMs,
    status,
    partitions: (value.transactionPartitions ?? []).flatMap(({ topic, partitionIds }) =>
      partitionIds.map((partition) => ({ topic, partition })),
    ),
    startedMs: value.transactionStartTimestampMs,
    updatedMs: value.transactionLastUpdateTimestampMs,
  };
}

/** A batch with the newest state of a transactional id. */
export function transactionBatch(
  transactionalId: string,
  state: TransactionState,
  wallMs: number,
): Uint8Array {
  const key = encodeTransactionKey(transactionalId);
  return encodeBatch({ records: [{ key, value: encodeTransactionState(state), timestampMs: wallMs }] });
}

/** A batch that has the id forgotten. */
export function tombstoneBatch(transactionalId: string, wallMs: number): Uint8Array {
  return encodeBatch({ records: [{ key: encodeTransactionKey(transactionalId), timestampMs: wallMs }] });
}

function isVersion0(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0 && bytes[1] === 0;
}

function bytesOf(chunks: readonly unknown[]): readonly Uint8Array[] {
  return chunks.filter((chunk) => chunk instanceof Uint8Array);
}
