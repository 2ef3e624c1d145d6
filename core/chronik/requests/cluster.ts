import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type DescribeClusterRequest,
  type DescribeLogDirsRequest,
  type DescribeLogDirsResponse,
} from '../../wire/kafka/messages/cluster.ts';
import { type MetadataImage } from '../metadata/image.ts';
import { type PartitionState } from '../metadata/rows.ts';
import { noLeader } from '../types.ts';
import { clusterName } from '../metadata/acl-numbers.ts';
import { type Arrival, keyOf, type RequestContext } from './context.ts';

/** What stands for operations that nobody asked for (KIP-430). */
export const operationsNotAsked = -2_147_483_648;

export interface BrokerAddress {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | undefined;
}

/** 16 hex digits. */
export function clusterIdText(clusterId: bigint): string {
  return clusterId.toString(16).padStart(16, '0');
}

/** Where a broker is to be found over a listener; undefined where it has none of that name. */
export function addressOf(image: MetadataImage, id: number, listener: string): BrokerAddress | undefined {
  const broker = image.broker(id);
  const endpoint = broker?.endpoints.find((one) => one.listener === listener);
  if (broker === undefined || endpoint === undefined) return undefined;
  return { nodeId: id, host: endpoint.host, port: endpoint.port, rack: broker.rack };
}

/**
 * Who leads, as clients are told. A broker that has heard of no controller for a session vouches for nobody but itself: a client
 * that is told of nobody asks others, and again, where one that is sent to a dead broker may wait for it.
 */
export function leaderOf({ config, isLeaderless }: RequestContext, { leader }: PartitionState): number {
  return isLeaderless && leader !== config.id ? noLeader : leader;
}

/** Brokers that serve, as who asks over a listener can reach them. */
export function servingBrokers(image: MetadataImage, listener: string): readonly BrokerAddress[] {
  const addresses: BrokerAddress[] = [];
  for (const { id, fenced } of image.brokers) {
    const address = fenced ? undefined : addressOf(image, id, listener);
    if (address !== undefined) addresses.push(address);
  }
  return addresses;
}

/**
 * The broker that administrative requests go to. Every broker takes them, since commands go through the metadata's log
 * wherever they are proposed; the leader of it is the nearest way.
 */
export function controllerId({ controller, image }: RequestContext): number {
  return controller !== undefined && image.broker(controller)?.fenced === false ? controller : noLeader;
}

/** DescribeCluster (KIP-700). */
export function describeCluster(
  context: RequestContext,
  { requestId, body, client }: Arrival<DescribeClusterRequest>,
): void {
  const brokers = servingBrokers(context.image, client.listener);
  // 1: brokers, the only kind of endpoint that there is here (KIP-919).
  const isSupported = body.endpointType === 1;
  context.answer<'describeCluster'>(
    requestId,
    {
      throttleTimeMs: 0,
      errorCode: isSupported ? kafkaErrors.NONE : kafkaErrors.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage: isSupported ? undefined : 'endpoint type 1 (brokers) is the only one here',
      endpointType: 1,
      clusterId: clusterIdText(context.config.clusterId),
      controllerId: controllerId(context),
      brokers: brokers.map(({ nodeId, host, port, rack }) => ({ brokerId: nodeId, host, port, rack })),
      clusterAuthorizedOperations: body.includeClusterAuthorizedOperations
        ? context.authorization.operationBits(client, 'cluster', clusterName)
        : operationsNotAsked,
    },
    0,
  );
}

type LogDirTopic = DescribeLogDirsResponse['results'][number]['topics'][number];

/** DescribeLogDirs: how large this broker's replicas are (KIP-113). There is one directory. */
export function describeLogDirs(
  context: RequestContext,
  { requestId, body, client }: Arrival<DescribeLogDirsRequest>,
): void {
  if (!context.authorization.allowsCluster(client, 'describe')) {
    const errorCode = kafkaErrors.CLUSTER_AUTHORIZATION_FAILED;
    context.answer<'describeLogDirs'>(requestId, { throttleTimeMs: 0, errorCode, results: [] }, 0);
    return;
  }
  const topics: LogDirTopic[] = [];
  const wanted =
    body.topics ??
    [...context.image.topics()].map(({ name, partitions }) => ({
      topic: name,
      partitions: partitions.map((_, index) => index),
    }));
  for (const { topic: name, partitions } of wanted) {
    const here: LogDirTopic['partitions'][number][] = [];
    for (const partitionIndex of partitions) {
      const key = keyOf(context.image.topic(name), partitionIndex);
      const size = key === undefined ? undefined : context.logSize(key);
      if (size === undefined) continue;
      const { sizeBytes, lag } = size;
      here.push({ partitionIndex, partitionSize: sizeBytes, offsetLag: lag, isFutureKey: false });
    }
    if (here.length > 0) topics.push({ name, partitions: here });
  }
  const totalBytes = -1;
  const result = { errorCode: kafkaErrors.NONE, logDir: 'wal', topics, totalBytes, usableBytes: -1 };
  const answer = { throttleTimeMs: 0, errorCode: kafkaErrors.NONE, results: [result] };
  context.answer<'describeLogDirs'>(requestId, answer, 0);
}
