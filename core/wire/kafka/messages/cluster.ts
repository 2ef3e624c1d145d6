import { type Infer, bool, int16, int32, int64, int8, list, message, string } from '../schema.ts';

/** Asks for the brokers alone (KIP-700). */
export const DescribeClusterRequest = message(
  'DescribeClusterRequest',
  { versions: '0-1', flexible: '0+' },
  {
    includeClusterAuthorizedOperations: bool('0+'),
    endpointType: int8('1+', { default: 1 }),
  },
);
export type DescribeClusterRequest = Infer<typeof DescribeClusterRequest>;

/** The brokers, and which of them is the controller. */
export const DescribeClusterResponse = message(
  'DescribeClusterResponse',
  { versions: '0-1', flexible: '0+' },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+', default: null }),
    endpointType: int8('1+', { default: 1 }),
    clusterId: string('0+'),
    controllerId: int32('0+', { default: -1 }),
    brokers: list('0+', {
      brokerId: int32('0+'),
      host: string('0+'),
      port: int32('0+'),
      rack: string('0+', { nullable: '0+', default: null }),
    }),
    clusterAuthorizedOperations: int32('0+', { default: -2147483648 }),
  },
);
export type DescribeClusterResponse = Infer<typeof DescribeClusterResponse>;

/** Asks for an election: 0 for the preferred leader, 1 for an unclean one (KIP-183, KIP-460); null means all partitions. */
export const ElectLeadersRequest = message(
  'ElectLeadersRequest',
  { versions: '0-2', flexible: '2+' },
  {
    electionType: int8('1+'),
    topicPartitions: list(
      '0+',
      { nullable: '0+' },
      {
        topic: string('0+'),
        partitions: list('0+', int32),
      },
    ),
    timeoutMs: int32('0+', { default: 60000 }),
  },
);
export type ElectLeadersRequest = Infer<typeof ElectLeadersRequest>;

/** How each election went. */
export const ElectLeadersResponse = message(
  'ElectLeadersResponse',
  { versions: '0-2', flexible: '2+' },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16('1+'),
    replicaElectionResults: list('0+', {
      topic: string('0+'),
      partitionResult: list('0+', {
        partitionId: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+' }),
      }),
    }),
  },
);
export type ElectLeadersResponse = Infer<typeof ElectLeadersResponse>;

/** Gives partitions other replicas; null ends a reassignment under way (KIP-455). */
export const AlterPartitionReassignmentsRequest = message(
  'AlterPartitionReassignmentsRequest',
  { versions: '0', flexible: '0+' },
  {
    timeoutMs: int32('0+', { default: 60000 }),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        replicas: list('0+', { nullable: '0+', default: null }, int32),
      }),
    }),
  },
);
export type AlterPartitionReassignmentsRequest = Infer<typeof AlterPartitionReassignmentsRequest>;

/** Whether each reassignment has begun. */
export const AlterPartitionReassignmentsResponse = message(
  'AlterPartitionReassignmentsResponse',
  { versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    responses: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+' }),
      }),
    }),
  },
);
export type AlterPartitionReassignmentsResponse = Infer<typeof AlterPartitionReassignmentsResponse>;

/** Asks for reassignments under way; null means those of all partitions (KIP-455). */
export const ListPartitionReassignmentsRequest = message(
  'ListPartitionReassignmentsRequest',
  { versions: '0', flexible: '0+' },
  {
    timeoutMs: int32('0+', { default: 60000 }),
    topics: list(
      '0+',
      { nullable: '0+', default: null },
      {
        name: string('0+'),
        partitionIndexes: list('0+', int32),
      },
    ),
  },
);
export type ListPartitionReassignmentsRequest = Infer<typeof ListPartitionReassignmentsRequest>;

/** Which replicas come and which go. */
export const ListPartitionReassignmentsResponse = message(
  'ListPartitionReassignmentsResponse',
  { versions: '0', flexible: '0+' },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        replicas: list('0+', int32),
        addingReplicas: list('0+', int32),
        removingReplicas: list('0+', int32),
      }),
    }),
  },
);
export type ListPartitionReassignmentsResponse = Infer<typeof ListPartitionReassignmentsResponse>;

/** Asks how large logs are; null means those of all partitions (KIP-113). */
export const DescribeLogDirsRequest = message(
  'DescribeLogDirsRequest',
  { versions: '0-4', flexible: '2+' },
  {
    topics: list(
      '0+',
      { nullable: '0+' },
      {
        topic: string('0+'),
        partitions: list('0+', int32),
      },
    ),
  },
);
export type DescribeLogDirsRequest = Infer<typeof DescribeLogDirsRequest>;

/** Sizes and lags of logs, by directory. */
export const DescribeLogDirsResponse = message(
  'DescribeLogDirsResponse',
  { versions: '0-4', flexible: '2+' },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16('3+', { ignorable: true }),
    results: list('0+', {
      errorCode: int16('0+'),
      logDir: string('0+'),
      topics: list('0+', {
        name: string('0+'),
        partitions: list('0+', {
          partitionIndex: int32('0+'),
          partitionSize: int64('0+'),
          offsetLag: int64('0+'),
          isFutureKey: bool('0+'),
        }),
      }),
      totalBytes: int64('4+', { ignorable: true, default: -1 }),
      usableBytes: int64('4+', { ignorable: true, default: -1 }),
    }),
  },
);
export type DescribeLogDirsResponse = Infer<typeof DescribeLogDirsResponse>;
