import { type Infer, int16, int32, int64, int8, list, message, records, string, struct } from '../schema.ts';

/** Asks for records from an offset on, by partition; waits until there are enough (KIP-74, KIP-227: sessions). */
export const FetchRequest = message(
  'FetchRequest',
  { versions: '4-12', flexible: '12+' },
  {
    clusterId: string('12+', { nullable: '12+', tag: 0, ignorable: true, default: null }),
    replicaId: int32('0-14', { default: -1 }),
    maxWaitMs: int32('0+'),
    minBytes: int32('0+'),
    maxBytes: int32('3+', { ignorable: true, default: 2147483647 }),
    isolationLevel: int8('4+', { ignorable: true }),
    sessionId: int32('7+', { ignorable: true }),
    sessionEpoch: int32('7+', { ignorable: true, default: -1 }),
    topics: list('0+', {
      topic: string('0-12', { ignorable: true }),
      partitions: list('0+', {
        partition: int32('0+'),
        currentLeaderEpoch: int32('9+', { ignorable: true, default: -1 }),
        fetchOffset: int64('0+'),
        lastFetchedEpoch: int32('12+', { default: -1 }),
        logStartOffset: int64('5+', { ignorable: true, default: -1 }),
        partitionMaxBytes: int32('0+'),
      }),
    }),
    forgottenTopicsData: list('7+', {
      topic: string('7-12', { ignorable: true }),
      partitions: list('7+', int32),
    }),
    rackId: string('11+', { ignorable: true }),
  },
);
export type FetchRequest = Infer<typeof FetchRequest>;

/** Whole batches as the log holds them, with what bounds them; a reader skips what lies before his offset. */
export const FetchResponse = message(
  'FetchResponse',
  { versions: '4-12', flexible: '12+' },
  {
    throttleTimeMs: int32('1+', { ignorable: true }),
    errorCode: int16('7+', { ignorable: true }),
    sessionId: int32('7+'),
    responses: list('0+', {
      topic: string('0-12', { ignorable: true }),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        highWatermark: int64('0+'),
        lastStableOffset: int64('4+', { ignorable: true, default: -1 }),
        logStartOffset: int64('5+', { ignorable: true, default: -1 }),
        divergingEpoch: struct(
          '12+',
          { tag: 0 },
          {
            epoch: int32('12+', { default: -1 }),
            endOffset: int64('12+', { default: -1 }),
          },
        ),
        currentLeader: struct(
          '12+',
          { tag: 1 },
          {
            leaderId: int32('12+', { default: -1 }),
            leaderEpoch: int32('12+', { default: -1 }),
          },
        ),
        snapshotId: struct(
          '12+',
          { tag: 2 },
          {
            endOffset: int64('0+', { default: -1 }),
            epoch: int32('0+', { default: -1 }),
          },
        ),
        abortedTransactions: list(
          '4+',
          { nullable: '4+', ignorable: true },
          {
            producerId: int64('4+'),
            firstOffset: int64('4+'),
          },
        ),
        preferredReadReplica: int32('11+', { default: -1 }),
        records: records('0+', { nullable: '0+' }),
      }),
    }),
  },
);
export type FetchResponse = Infer<typeof FetchResponse>;
