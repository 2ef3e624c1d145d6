import { assert } from '../../base/assert.ts';
import {
  DescribeAclsRequest,
  DescribeAclsResponse,
  CreateAclsRequest,
  CreateAclsResponse,
  DeleteAclsRequest,
  DeleteAclsResponse,
} from './messages/acls.ts';
import { ApiVersionsRequest, ApiVersionsResponse } from './messages/api-versions.ts';
import {
  DescribeClusterRequest,
  DescribeClusterResponse,
  ElectLeadersRequest,
  ElectLeadersResponse,
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
  DescribeLogDirsRequest,
  DescribeLogDirsResponse,
} from './messages/cluster.ts';
import {
  DescribeConfigsRequest,
  DescribeConfigsResponse,
  AlterConfigsRequest,
  AlterConfigsResponse,
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from './messages/configs.ts';
import { FetchRequest, FetchResponse } from './messages/fetch.ts';
import {
  DescribeGroupsRequest,
  DescribeGroupsResponse,
  ListGroupsRequest,
  ListGroupsResponse,
  DeleteGroupsRequest,
  DeleteGroupsResponse,
} from './messages/group-admin.ts';
import {
  FindCoordinatorRequest,
  FindCoordinatorResponse,
  JoinGroupRequest,
  JoinGroupResponse,
  SyncGroupRequest,
  SyncGroupResponse,
  HeartbeatRequest,
  HeartbeatResponse,
  LeaveGroupRequest,
  LeaveGroupResponse,
} from './messages/group-membership.ts';
import {
  OffsetCommitRequest,
  OffsetCommitResponse,
  OffsetFetchRequest,
  OffsetFetchResponse,
  OffsetDeleteRequest,
  OffsetDeleteResponse,
} from './messages/group-offsets.ts';
import { MetadataRequest, MetadataResponse } from './messages/metadata.ts';
import {
  ListOffsetsRequest,
  ListOffsetsResponse,
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
  DeleteRecordsRequest,
  DeleteRecordsResponse,
  DescribeProducersRequest,
  DescribeProducersResponse,
} from './messages/offsets.ts';
import { ProduceRequest, ProduceResponse } from './messages/produce.ts';
import {
  DescribeClientQuotasRequest,
  DescribeClientQuotasResponse,
  AlterClientQuotasRequest,
  AlterClientQuotasResponse,
} from './messages/quotas.ts';
import {
  SaslHandshakeRequest,
  SaslHandshakeResponse,
  SaslAuthenticateRequest,
  SaslAuthenticateResponse,
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from './messages/security.ts';
import {
  CreateTopicsRequest,
  CreateTopicsResponse,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  CreatePartitionsRequest,
  CreatePartitionsResponse,
} from './messages/topics.ts';
import {
  WriteTxnMarkersRequest,
  WriteTxnMarkersResponse,
  DescribeTransactionsRequest,
  DescribeTransactionsResponse,
  ListTransactionsRequest,
  ListTransactionsResponse,
} from './messages/transaction-admin.ts';
import {
  InitProducerIdRequest,
  InitProducerIdResponse,
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponse,
  AddOffsetsToTxnRequest,
  AddOffsetsToTxnResponse,
  EndTxnRequest,
  EndTxnResponse,
  TxnOffsetCommitRequest,
  TxnOffsetCommitResponse,
} from './messages/transactions.ts';
import type { Infer, Message } from './schema.ts';

/** An API: what requests and responses of it look like, and which versions of it there are. */
export interface Api<Request, Response> {
  readonly key: number;
  /** Versions that brokers advertise and understand. */
  readonly min: number;
  readonly max: number;
  /** From this version on lengths are varints, and headers and structs end in tagged fields (KIP-482). */
  readonly flexibleFrom: number;
  readonly request: Message<Request>;
  readonly response: Message<Response>;
}

function api<Request, Response>(
  key: number,
  request: Message<Request>,
  response: Message<Response>,
): Api<Request, Response> {
  const { flexibleFrom, versions } = request;
  assert(response.flexibleFrom === flexibleFrom, 'a request and its response become flexible together');
  assert(
    response.versions.min === versions.min && response.versions.max === versions.max,
    'a request and its response have the same versions',
  );
  return { key, min: versions.min, max: versions.max, flexibleFrom, request, response };
}

/**
 * Every API that Chronik speaks, by key.
 *
 * Versions are those that clients in use negotiate. Clients before librdkafka 2.11 compress only where Produce has 0, 3 and
 * 7, Fetch 4 and 10 and FindCoordinator 0; kafkajs looks at the highest version alone. So versions are advertised that a
 * broker may refuse when they are used, such as Produce below 3.
 *
 * Source: Kafka protocol guide, "Api Keys"; KIP-896.
 */
export const apis = {
  produce: api(0, ProduceRequest, ProduceResponse),
  fetch: api(1, FetchRequest, FetchResponse),
  listOffsets: api(2, ListOffsetsRequest, ListOffsetsResponse),
  metadata: api(3, MetadataRequest, MetadataResponse),
  offsetCommit: api(8, OffsetCommitRequest, OffsetCommitResponse),
  offsetFetch: api(9, OffsetFetchRequest, OffsetFetchResponse),
  findCoordinator: api(10, FindCoordinatorRequest, FindCoordinatorResponse),
  joinGroup: api(11, JoinGroupRequest, JoinGroupResponse),
  heartbeat: api(12, HeartbeatRequest, HeartbeatResponse),
  leaveGroup: api(13, LeaveGroupRequest, LeaveGroupResponse),
  syncGroup: api(14, SyncGroupRequest, SyncGroupResponse),
  describeGroups: api(15, DescribeGroupsRequest, DescribeGroupsResponse),
  listGroups: api(16, ListGroupsRequest, ListGroupsResponse),
  saslHandshake: api(17, SaslHandshakeRequest, SaslHandshakeResponse),
  apiVersions: api(18, ApiVersionsRequest, ApiVersionsResponse),
  createTopics: api(19, CreateTopicsRequest, CreateTopicsResponse),
  deleteTopics: api(20, DeleteTopicsRequest, DeleteTopicsResponse),
  deleteRecords: api(21, DeleteRecordsRequest, DeleteRecordsResponse),
  initProducerId: api(22, InitProducerIdRequest, InitProducerIdResponse),
  offsetForLeaderEpoch: api(23, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse),
  addPartitionsToTxn: api(24, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse),
  addOffsetsToTxn: api(25, AddOffsetsToTxnRequest, AddOffsetsToTxnResponse),
  endTxn: api(26, EndTxnRequest, EndTxnResponse),
  writeTxnMarkers: api(27, WriteTxnMarkersRequest, WriteTxnMarkersResponse),
  txnOffsetCommit: api(28, TxnOffsetCommitRequest, TxnOffsetCommitResponse),
  describeAcls: api(29, DescribeAclsRequest, DescribeAclsResponse),
  createAcls: api(30, CreateAclsRequest, CreateAclsResponse),
  deleteAcls: api(31, DeleteAclsRequest, DeleteAclsResponse),
  describeConfigs: api(32, DescribeConfigsRequest, DescribeConfigsResponse),
  alterConfigs: api(33, AlterConfigsRequest, AlterConfigsResponse),
  describeLogDirs: api(35, DescribeLogDirsRequest, DescribeLogDirsResponse),
  saslAuthenticate: api(36, SaslAuthenticateRequest, SaslAuthenticateResponse),
  createPartitions: api(37, CreatePartitionsRequest, CreatePartitionsResponse),
  deleteGroups: api(42, DeleteGroupsRequest, DeleteGroupsResponse),
  electLeaders: api(43, ElectLeadersRequest, ElectLeadersResponse),
  incrementalAlterConfigs: api(44, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse),
  alterPartitionReassignments: api(
    45,
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
  ),
  listPartitionReassignments: api(46, ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse),
  offsetDelete: api(47, OffsetDeleteRequest, OffsetDeleteResponse),
  describeClientQuotas: api(48, DescribeClientQuotasRequest, DescribeClientQuotasResponse),
  alterClientQuotas: api(49, AlterClientQuotasRequest, AlterClientQuotasResponse),
  describeUserScramCredentials: api(
    50,
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
  ),
  alterUserScramCredentials: api(51, AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse),
  describeCluster: api(60, DescribeClusterRequest, DescribeClusterResponse),
  describeProducers: api(61, DescribeProducersRequest, DescribeProducersResponse),
  describeTransactions: api(65, DescribeTransactionsRequest, DescribeTransactionsResponse),
  listTransactions: api(66, ListTransactionsRequest, ListTransactionsResponse),
} as const;

export type ApiName = keyof typeof apis;
export type RequestOf<A extends ApiName> = Infer<(typeof apis)[A]['request']>;
export type ResponseOf<A extends ApiName> = Infer<(typeof apis)[A]['response']>;

/** A request of one API, or of any. */
export type KafkaCall<A extends ApiName = ApiName> = {
  [K in A]: { readonly api: K; readonly version: number; readonly body: RequestOf<K> };
}[A];

/** A response to a request of one API, or of any. */
export type KafkaReply<A extends ApiName = ApiName> = {
  [K in A]: { readonly api: K; readonly body: ResponseOf<K> };
}[A];

export const apiNames = Object.keys(apis) as readonly ApiName[];

const nameOfKey = new Map<number, ApiName>(apiNames.map((name) => [apis[name].key, name]));

/** Undefined for a key that no API here has. */
export function apiOfKey(key: number): ApiName | undefined {
  return nameOfKey.get(key);
}
