import { type Infer, bool, int16, int32, int8, list, message, string, uuid } from '../schema.ts';

/** Makes topics, with counts (−1: the broker's default) or with replicas named by partition (KIP-4, KIP-464). */
export const CreateTopicsRequest = message(
  'CreateTopicsRequest',
  { versions: '0-7', flexible: '5+' },
  {
    topics: list('0+', {
      name: string('0+'),
      numPartitions: int32('0+'),
      replicationFactor: int16('0+'),
      assignments: list('0+', {
        partitionIndex: int32('0+'),
        brokerIds: list('0+', int32),
      }),
      configs: list('0+', {
        name: string('0+'),
        value: string('0+', { nullable: '0+' }),
      }),
    }),
    timeoutMs: int32('0+', { default: 60000 }),
    validateOnly: bool('1+'),
  },
);
export type CreateTopicsRequest = Infer<typeof CreateTopicsRequest>;

/** How it went, and from version 5 on what was made (KIP-525). */
export const CreateTopicsResponse = message(
  'CreateTopicsResponse',
  { versions: '0-7', flexible: '5+' },
  {
    throttleTimeMs: int32('2+', { ignorable: true }),
    topics: list('0+', {
      name: string('0+'),
      topicId: uuid('7+', { ignorable: true }),
      errorCode: int16('0+'),
      errorMessage: string('1+', { nullable: '0+', ignorable: true }),
      topicConfigErrorCode: int16('5+', { tag: 0, ignorable: true }),
      numPartitions: int32('5+', { ignorable: true, default: -1 }),
      replicationFactor: int16('5+', { ignorable: true, default: -1 }),
      configs: list(
        '5+',
        { nullable: '5+', ignorable: true },
        {
          name: string('5+'),
          value: string('5+', { nullable: '5+' }),
          readOnly: bool('5+'),
          configSource: int8('5+', { ignorable: true, default: -1 }),
          isSensitive: bool('5+'),
        },
      ),
    }),
  },
);
export type CreateTopicsResponse = Infer<typeof CreateTopicsResponse>;

/** Removes topics by name, from version 6 on by name or id (KIP-516). */
export const DeleteTopicsRequest = message(
  'DeleteTopicsRequest',
  { versions: '0-6', flexible: '4+' },
  {
    topics: list('6+', {
      name: string('6+', { nullable: '6+', default: null }),
      topicId: uuid('6+'),
    }),
    topicNames: list('0-5', { ignorable: true }, string),
    timeoutMs: int32('0+'),
  },
);
export type DeleteTopicsRequest = Infer<typeof DeleteTopicsRequest>;

/** How it went, by topic. */
export const DeleteTopicsResponse = message(
  'DeleteTopicsResponse',
  { versions: '0-6', flexible: '4+' },
  {
    throttleTimeMs: int32('1+', { ignorable: true }),
    responses: list('0+', {
      name: string('0+', { nullable: '6+' }),
      topicId: uuid('6+', { ignorable: true }),
      errorCode: int16('0+'),
      errorMessage: string('5+', { nullable: '5+', ignorable: true, default: null }),
    }),
  },
);
export type DeleteTopicsResponse = Infer<typeof DeleteTopicsResponse>;

/** Raises topics' numbers of partitions (KIP-195). */
export const CreatePartitionsRequest = message(
  'CreatePartitionsRequest',
  { versions: '0-3', flexible: '2+' },
  {
    topics: list('0+', {
      name: string('0+'),
      count: int32('0+'),
      assignments: list(
        '0+',
        { nullable: '0+' },
        {
          brokerIds: list('0+', int32),
        },
      ),
    }),
    timeoutMs: int32('0+'),
    validateOnly: bool('0+'),
  },
);
export type CreatePartitionsRequest = Infer<typeof CreatePartitionsRequest>;

/** How it went, by topic. */
export const CreatePartitionsResponse = message(
  'CreatePartitionsResponse',
  { versions: '0-3', flexible: '2+' },
  {
    throttleTimeMs: int32('0+'),
    results: list('0+', {
      name: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+', default: null }),
    }),
  },
);
export type CreatePartitionsResponse = Infer<typeof CreatePartitionsResponse>;
