import { type Infer, bool, int16, int32, int64, list, message, string } from '../schema.ts';

/** Asks for a producer id; with a transactional id it ends what an older producer has open (KIP-98, KIP-360). */
export const InitProducerIdRequest = message(
  'InitProducerIdRequest',
  { versions: '0-4', flexible: '2+' },
  {
    transactionalId: string('0+', { nullable: '0+' }),
    transactionTimeoutMs: int32('0+'),
    producerId: int64('3+', { default: -1 }),
    producerEpoch: int16('3+', { default: -1 }),
  },
);
export type InitProducerIdRequest = Infer<typeof InitProducerIdRequest>;

/** The id and its epoch. */
export const InitProducerIdResponse = message(
  'InitProducerIdResponse',
  { versions: '0-4', flexible: '2+' },
  {
    throttleTimeMs: int32('0+', { ignorable: true }),
    errorCode: int16('0+'),
    producerId: int64('0+', { default: -1 }),
    producerEpoch: int16('0+'),
  },
);
export type InitProducerIdResponse = Infer<typeof InitProducerIdResponse>;

/** Tells that a transaction is about to write to partitions (KIP-98). */
export const AddPartitionsToTxnRequest = message(
  'AddPartitionsToTxnRequest',
  { versions: '0-3', flexible: '3+' },
  {
    v3AndBelowTransactionalId: string('0-3'),
    v3AndBelowProducerId: int64('0-3'),
    v3AndBelowProducerEpoch: int16('0-3'),
    v3AndBelowTopics: list('0-3', {
      name: string('0+'),
      partitions: list('0+', int32),
    }),
  },
);
export type AddPartitionsToTxnRequest = Infer<typeof AddPartitionsToTxnRequest>;

/** How it went, by partition. */
export const AddPartitionsToTxnResponse = message(
  'AddPartitionsToTxnResponse',
  { versions: '0-3', flexible: '3+' },
  {
    throttleTimeMs: int32('0+'),
    resultsByTopicV3AndBelow: list('0-3', {
      name: string('0+'),
      resultsByPartition: list('0+', {
        partitionIndex: int32('0+'),
        partitionErrorCode: int16('0+'),
      }),
    }),
  },
);
export type AddPartitionsToTxnResponse = Infer<typeof AddPartitionsToTxnResponse>;

/** Tells that a transaction is about to commit a group's offsets (KIP-98). */
export const AddOffsetsToTxnRequest = message(
  'AddOffsetsToTxnRequest',
  { versions: '0-3', flexible: '3+' },
  {
    transactionalId: string('0+'),
    producerId: int64('0+'),
    producerEpoch: int16('0+'),
    groupId: string('0+'),
  },
);
export type AddOffsetsToTxnRequest = Infer<typeof AddOffsetsToTxnRequest>;

/** How it went. */
export const AddOffsetsToTxnResponse = message(
  'AddOffsetsToTxnResponse',
  { versions: '0-3', flexible: '3+' },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
  },
);
export type AddOffsetsToTxnResponse = Infer<typeof AddOffsetsToTxnResponse>;

/** Commits or aborts a transaction (KIP-98). */
export const EndTxnRequest = message(
  'EndTxnRequest',
  { versions: '0-3', flexible: '3+' },
  {
    transactionalId: string('0+'),
    producerId: int64('0+'),
    producerEpoch: int16('0+'),
    committed: bool('0+'),
  },
);
export type EndTxnRequest = Infer<typeof EndTxnRequest>;

/** How it went; the markers may follow later. */
export const EndTxnResponse = message(
  'EndTxnResponse',
  { versions: '0-3', flexible: '3+' },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
  },
);
export type EndTxnResponse = Infer<typeof EndTxnResponse>;

/** Stores how far a group has come, for when the transaction commits (KIP-98, KIP-447). */
export const TxnOffsetCommitRequest = message(
  'TxnOffsetCommitRequest',
  { versions: '0-3', flexible: '3+' },
  {
    transactionalId: string('0+'),
    groupId: string('0+'),
    producerId: int64('0+'),
    producerEpoch: int16('0+'),
    generationId: int32('3+', { default: -1 }),
    memberId: string('3+'),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        committedOffset: int64('0+'),
        committedLeaderEpoch: int32('2+', { ignorable: true, default: -1 }),
        committedMetadata: string('0+', { nullable: '0+' }),
      }),
    }),
  },
);
export type TxnOffsetCommitRequest = Infer<typeof TxnOffsetCommitRequest>;

/** How it went, by partition. */
export const TxnOffsetCommitResponse = message(
  'TxnOffsetCommitResponse',
  { versions: '0-3', flexible: '3+' },
  {
    throttleTimeMs: int32('0+'),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
);
export type TxnOffsetCommitResponse = Infer<typeof TxnOffsetCommitResponse>;
