import { type ApiName, type KafkaCall, type RequestOf } from '../../wire/kafka/apis.ts';
import { type CallingClient } from '../broker-protocol.ts';
import { type GroupApi } from '../group/port.ts';
import { type AppendEnd, type DeleteRecordsEnd, type FetchedPartition } from '../replication/requests.ts';
import { createAcls, deleteAcls, describeAcls } from './acls.ts';
import { alterClientQuotas, describeClientQuotas } from './client-quotas.ts';
import { alterConfigs, describeConfigs, incrementalAlterConfigs } from './configs.ts';
import { describeCluster, describeLogDirs } from './cluster.ts';
import { findCoordinator } from './coordinators.ts';
import { type Arrival, type RequestContext } from './context.ts';
import { FetchRequests } from './fetch.ts';
import { metadata } from './metadata.ts';
import { DeleteRecordsRequests, listOffsets, offsetForLeaderEpoch } from './offsets.ts';
import { ProduceRequests } from './produce.ts';
import { initIdempotentProducer } from './producer-ids.ts';
import { type ProducerIds } from '../producer-ids.ts';
import { type TransactionApi } from '../transaction/port.ts';
import { describeProducers } from './producers.ts';
import { alterPartitionReassignments, electLeaders, listPartitionReassignments } from './reassignments.ts';
import { alterUserScramCredentials, describeUserScramCredentials } from './scram-credentials.ts';
import { TopicCreation } from './topic-creation.ts';
import { createPartitions, createTopics, deleteTopics } from './topics.ts';

/** What answers an API: everything that it needs besides is in the context. */
type Handler<Api extends ApiName> = (arrival: Arrival<RequestOf<Api>>) => void;
type Handlers = { readonly [Api in ApiName]?: Handler<Api> };

/** APIs of consumer groups' coordinators. */
const groupApis: ReadonlySet<string> = new Set<GroupApi>([
  'joinGroup',
  'syncGroup',
  'heartbeat',
  'leaveGroup',
  'offsetCommit',
  'offsetFetch',
  'offsetDelete',
  'describeGroups',
  'listGroups',
  'deleteGroups',
  'txnOffsetCommit',
]);

/** APIs of transactions' coordinators. */
const transactionApis: ReadonlySet<string> = new Set<TransactionApi>([
  'addPartitionsToTxn',
  'addOffsetsToTxn',
  'endTxn',
  'describeTransactions',
  'listTransactions',
]);

/** Who answers what is of coordinators. */
export interface CoordinatorRequests {
  readonly group: (requestId: number, call: KafkaCall<GroupApi & ApiName>, client: CallingClient) => void;
  readonly transaction: (
    requestId: number,
    call: KafkaCall<TransactionApi & ApiName>,
    client: CallingClient,
  ) => void;
  readonly producerIds: ProducerIds;
}

/** Brings each request to the one that answers it, and what parts of the broker come back with to the one that waits for it. */
export class RequestRouter {
  readonly #context: RequestContext;
  readonly #produce: ProduceRequests;
  readonly #fetch: FetchRequests;
  readonly #deleteRecords: DeleteRecordsRequests;
  readonly #creation: TopicCreation;
  readonly #handlers: Handlers;
  readonly #coordinators: CoordinatorRequests;

  constructor(context: RequestContext, coordinators: CoordinatorRequests) {
    this.#context = context;
    this.#coordinators = coordinators;
    this.#produce = new ProduceRequests(context);
    this.#fetch = new FetchRequests(context);
    this.#deleteRecords = new DeleteRecordsRequests(context);
    this.#creation = new TopicCreation(context);
    this.#handlers = this.#bind();
  }

  /** Produce requests, fetches and deletions of records that wait. */
  get waiting(): number {
    return this.#produce.waiting + this.#fetch.waiting + this.#deleteRecords.waiting;
  }

  requested(requestId: number, call: KafkaCall, client: CallingClient): void {
    if (groupApis.has(call.api)) {
      this.#coordinators.group(requestId, call as KafkaCall<GroupApi & ApiName>, client);
      return;
    }
    if (isOfTransaction(call)) {
      this.#coordinators.transaction(requestId, call, client);
      return;
    }
    const handler = this.#handlers[call.api] as Handler<ApiName> | undefined;
    if (handler === undefined) {
      this.#context.disconnect(requestId, `${call.api} is not answered here`);
      return;
    }
    handler({ requestId, version: call.version, body: call.body, client });
  }

  cancelled(requestId: number): void {
    this.#fetch.cancelled(requestId);
  }

  appendEnded(token: number, end: AppendEnd): void {
    this.#produce.appendEnded(token, end);
  }

  fetched(token: number, partitions: readonly FetchedPartition[]): void {
    this.#fetch.fetched(token, partitions);
  }

  recordsDeleted(token: number, end: DeleteRecordsEnd): void {
    this.#deleteRecords.recordsDeleted(token, end);
  }

  #bind(): Handlers {
    const context = this.#context;
    const creation = this.#creation;
    return {
      produce: (arrival) => this.#produce.requested(arrival),
      fetch: (arrival) => this.#fetch.requested(arrival),
      listOffsets: (arrival) => listOffsets(context, arrival),
      offsetForLeaderEpoch: (arrival) => offsetForLeaderEpoch(context, arrival),
      deleteRecords: (arrival) => this.#deleteRecords.requested(arrival),
      metadata: (arrival) => metadata(context, creation, arrival),
      initProducerId: (arrival) => initIdempotentProducer(context, this.#coordinators.producerIds, arrival),
      findCoordinator: (arrival) => findCoordinator(context, creation, arrival),
      describeCluster: (arrival) => describeCluster(context, arrival),
      describeLogDirs: (arrival) => describeLogDirs(context, arrival),
      createTopics: (arrival) => createTopics(context, arrival),
      deleteTopics: (arrival) => deleteTopics(context, arrival),
      createPartitions: (arrival) => createPartitions(context, arrival),
      describeConfigs: (arrival) => describeConfigs(context, arrival),
      alterConfigs: (arrival) => alterConfigs(context, arrival),
      incrementalAlterConfigs: (arrival) => incrementalAlterConfigs(context, arrival),
      describeAcls: (arrival) => describeAcls(context, arrival),
      createAcls: (arrival) => createAcls(context, arrival),
      deleteAcls: (arrival) => deleteAcls(context, arrival),
      describeUserScramCredentials: (arrival) => describeUserScramCredentials(context, arrival),
      alterUserScramCredentials: (arrival) => alterUserScramCredentials(context, arrival),
      describeClientQuotas: (arrival) => describeClientQuotas(context, arrival),
      alterClientQuotas: (arrival) => alterClientQuotas(context, arrival),
      describeProducers: (arrival) => describeProducers(context, arrival),
      alterPartitionReassignments: (arrival) => alterPartitionReassignments(context, arrival),
      listPartitionReassignments: (arrival) => listPartitionReassignments(context, arrival),
      electLeaders: (arrival) => electLeaders(context, arrival),
    };
  }
}

/** InitProducerId is the coordinator's where it names a transactional id. */
function isOfTransaction(call: KafkaCall): call is KafkaCall<TransactionApi & ApiName> {
  if (call.api === 'initProducerId') return call.body.transactionalId !== undefined;
  return transactionApis.has(call.api);
}
