import { type Infer, bool, int16, int32, list, message, string, uuid } from '../schema.ts';

/** Asks for brokers and topics: all with null (with an empty list in version 0), none with an empty list. */
export const MetadataRequest = message(
  'MetadataRequest',
  { versions: '0-12', flexible: '9+' },
  {
    topics: list(
      '0+',
      { nullable: '1+' },
      {
        topicId: uuid('10+', { ignorable: true }),
        name: string('0+', { nullable: '10+' }),
      },
    ),
    allowAutoTopicCreation: bool('4+', { default: true }),
    includeClusterAuthorizedOperations: bool('8-10'),
    includeTopicAuthorizedOperations: bool('8+'),
  },
);
export type MetadataRequest = Infer<typeof MetadataRequest>;

/** Who the brokers are and who leads which partition. */
export const MetadataResponse = message(
  'MetadataResponse',
  { versions: '0-12', flexible: '9+' },
  {
    throttleTimeMs: int32('3+', { ignorable: true }),
    brokers: list('0+', {
      nodeId: int32('0+'),
      host: string('0+'),
      port: int32('0+'),
      rack: string('1+', { nullable: '1+', ignorable: true, default: null }),
    }),
    clusterId: string('2+', { nullable: '2+', ignorable: true, default: null }),
    controllerId: int32('1+', { ignorable: true, default: -1 }),
    topics: list('0+', {
      errorCode: int16('0+'),
      name: string('0+', { nullable: '12+' }),
      topicId: uuid('10+', { ignorable: true }),
      isInternal: bool('1+', { ignorable: true }),
      partitions: list('0+', {
        errorCode: int16('0+'),
        partitionIndex: int32('0+'),
        leaderId: int32('0+'),
        leaderEpoch: int32('7+', { ignorable: true, default: -1 }),
        replicaNodes: list('0+', int32),
        isrNodes: list('0+', int32),
        offlineReplicas: list('5+', { ignorable: true }, int32),
      }),
      topicAuthorizedOperations: int32('8+', { default: -2147483648 }),
    }),
    clusterAuthorizedOperations: int32('8-10', { default: -2147483648 }),
  },
);
export type MetadataResponse = Infer<typeof MetadataResponse>;
