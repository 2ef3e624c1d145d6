import { type Infer, bool, int16, int32, int64, list, message, string } from '../schema.ts';

/** Stores how far a group has come. */
export const OffsetCommitRequest = message(
  'OffsetCommitRequest',
  { versions: '1-8', flexible: '8+' },
  {
    groupId: string('0+'),
    generationIdOrMemberEpoch: int32('1+', { ignorable: true, default: -1 }),
    memberId: string('1+', { ignorable: true }),
    groupInstanceId: string('7+', { nullable: '7+', default: null }),
    retentionTimeMs: int64('2-4', { ignorable: true, default: -1 }),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        committedOffset: int64('0+'),
        committedLeaderEpoch: int32('6+', { ignorable: true, default: -1 }),
        commitTimestamp: int64('1', { default: -1 }),
        committedMetadata: string('0+', { nullable: '0+' }),
      }),
    }),
  },
);
export type OffsetCommitRequest = Infer<typeof OffsetCommitRequest>;

/** How it went, by partition. */
export const OffsetCommitResponse = message(
  'OffsetCommitResponse',
  { versions: '1-8', flexible: '8+' },
  {
    throttleTimeMs: int32('3+', { ignorable: true }),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
);
export type OffsetCommitResponse = Infer<typeof OffsetCommitResponse>;

/** Asks how far groups have come; null topics mean all; many groups from version 8 on (KIP-709). */
export const OffsetFetchRequest = message(
  'OffsetFetchRequest',
  { versions: '1-8', flexible: '6+' },
  {
    groupId: string('0-7'),
    topics: list(
      '0-7',
      { nullable: '2-7' },
      {
        name: string('0-7'),
        partitionIndexes: list('0-7', int32),
      },
    ),
    groups: list('8+', {
      groupId: string('8+'),
      topics: list(
        '8+',
        { nullable: '8+' },
        {
          name: string('8+'),
          partitionIndexes: list('8+', int32),
        },
      ),
    }),
    requireStable: bool('7+'),
  },
);
export type OffsetFetchRequest = Infer<typeof OffsetFetchRequest>;

/** The offsets, −1 where none is stored. */
export const OffsetFetchResponse = message(
  'OffsetFetchResponse',
  { versions: '1-8', flexible: '6+' },
  {
    throttleTimeMs: int32('3+', { ignorable: true }),
    topics: list('0-7', {
      name: string('0-7'),
      partitions: list('0-7', {
        partitionIndex: int32('0-7'),
        committedOffset: int64('0-7'),
        committedLeaderEpoch: int32('5-7', { ignorable: true, default: -1 }),
        metadata: string('0-7', { nullable: '0-7' }),
        errorCode: int16('0-7'),
      }),
    }),
    errorCode: int16('2-7', { ignorable: true }),
    groups: list('8+', {
      groupId: string('8+'),
      topics: list('8+', {
        name: string('8+'),
        partitions: list('8+', {
          partitionIndex: int32('8+'),
          committedOffset: int64('8+'),
          committedLeaderEpoch: int32('8+', { ignorable: true, default: -1 }),
          metadata: string('8+', { nullable: '8+' }),
          errorCode: int16('8+'),
        }),
      }),
      errorCode: int16('8+'),
    }),
  },
);
export type OffsetFetchResponse = Infer<typeof OffsetFetchResponse>;

/** Removes a group's offsets of topics that it no longer reads (KIP-496). */
export const OffsetDeleteRequest = message(
  'OffsetDeleteRequest',
  { versions: '0', flexible: 'none' },
  {
    groupId: string('0+'),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
      }),
    }),
  },
);
export type OffsetDeleteRequest = Infer<typeof OffsetDeleteRequest>;

/** How it went, by partition. */
export const OffsetDeleteResponse = message(
  'OffsetDeleteResponse',
  { versions: '0', flexible: 'none' },
  {
    errorCode: int16('0+'),
    throttleTimeMs: int32('0+', { ignorable: true }),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
);
export type OffsetDeleteResponse = Infer<typeof OffsetDeleteResponse>;
