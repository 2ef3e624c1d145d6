import { type Infer, int16, int32, int64, int8, list, message, string } from '../schema.ts';

/** Asks for the first offset at or behind a timestamp; −1 asks for the end, −2 for the start (KIP-79), −3 for the newest timestamp (KIP-734). */
export const ListOffsetsRequest = message(
  'ListOffsetsRequest',
  { versions: '1-7', flexible: '6+' },
  {
    replicaId: int32('0+'),
    isolationLevel: int8('2+'),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        currentLeaderEpoch: int32('4+', { ignorable: true, default: -1 }),
        timestamp: int64('0+'),
      }),
    }),
  },
);
export type ListOffsetsRequest = Infer<typeof ListOffsetsRequest>;

/** The offsets, −1 where no record is as new. */
export const ListOffsetsResponse = message(
  'ListOffsetsResponse',
  { versions: '1-7', flexible: '6+' },
  {
    throttleTimeMs: int32('2+', { ignorable: true }),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        timestamp: int64('1+', { default: -1 }),
        offset: int64('1+', { default: -1 }),
        leaderEpoch: int32('4+', { default: -1 }),
      }),
    }),
  },
);
export type ListOffsetsResponse = Infer<typeof ListOffsetsResponse>;

/** Asks where a leader's epoch ends in the log (KIP-101, KIP-320). */
export const OffsetForLeaderEpochRequest = message(
  'OffsetForLeaderEpochRequest',
  { versions: '0-4', flexible: '4+' },
  {
    replicaId: int32('3+', { ignorable: true, default: -2 }),
    topics: list('0+', {
      topic: string('0+'),
      partitions: list('0+', {
        partition: int32('0+'),
        currentLeaderEpoch: int32('2+', { ignorable: true, default: -1 }),
        leaderEpoch: int32('0+'),
      }),
    }),
  },
);
export type OffsetForLeaderEpochRequest = Infer<typeof OffsetForLeaderEpochRequest>;

/** The end of the largest epoch not above the one asked for, −1 where there is none. */
export const OffsetForLeaderEpochResponse = message(
  'OffsetForLeaderEpochResponse',
  { versions: '0-4', flexible: '4+' },
  {
    throttleTimeMs: int32('2+', { ignorable: true }),
    topics: list('0+', {
      topic: string('0+'),
      partitions: list('0+', {
        errorCode: int16('0+'),
        partition: int32('0+'),
        leaderEpoch: int32('1+', { ignorable: true, default: -1 }),
        endOffset: int64('0+', { default: -1 }),
      }),
    }),
  },
);
export type OffsetForLeaderEpochResponse = Infer<typeof OffsetForLeaderEpochResponse>;

/** Moves the start of partitions' logs forward; −1 means up to the high watermark (KIP-107). */
export const DeleteRecordsRequest = message(
  'DeleteRecordsRequest',
  { versions: '0-2', flexible: '2+' },
  {
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        offset: int64('0+'),
      }),
    }),
    timeoutMs: int32('0+'),
  },
);
export type DeleteRecordsRequest = Infer<typeof DeleteRecordsRequest>;

/** The least log start among a partition's replicas. */
export const DeleteRecordsResponse = message(
  'DeleteRecordsResponse',
  { versions: '0-2', flexible: '2+' },
  {
    throttleTimeMs: int32('0+'),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        lowWatermark: int64('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
);
export type DeleteRecordsResponse = Infer<typeof DeleteRecordsResponse>;

/** Asks which producers a partition remembers (KIP-664). */
export const DescribeProducersRequest = message(
  'DescribeProducersRequest',
  { versions: '0', flexible: '0+' },
  {
    topics: list('0+', {
      name: string('0+'),
      partitionIndexes: list('0+', int32),
    }),
  },
);
export type DescribeProducersRequest = Infer<typeof DescribeProducersRequest>;

/** The producers by id, with the transaction that each has open. */
export const DescribeProducersResponse = message(
  'DescribeProducersResponse',
  { versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32('0+'),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+', default: null }),
        activeProducers: list('0+', {
          producerId: int64('0+'),
          producerEpoch: int32('0+'),
          lastSequence: int32('0+', { default: -1 }),
          lastTimestamp: int64('0+', { default: -1 }),
          coordinatorEpoch: int32('0+'),
          currentTxnStartOffset: int64('0+', { default: -1 }),
        }),
      }),
    }),
  },
);
export type DescribeProducersResponse = Infer<typeof DescribeProducersResponse>;
