import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type DescribeProducersRequest,
  type DescribeProducersResponse,
} from '../../wire/kafka/messages/offsets.ts';
import { type Arrival, keyOf, type RequestContext } from './context.ts';

/** DescribeProducers: who writes to a partition, and what transaction he has open (KIP-664). */
export function describeProducers(
  context: RequestContext,
  { requestId, body, client }: Arrival<DescribeProducersRequest>,
): void {
  const topics = body.topics.map(({ name, partitionIndexes }) => {
    const mayRead = context.authorization.allows(client, 'read', 'topic', name);
    const topic = context.image.topic(name);
    return {
      name,
      partitions: partitionIndexes.map((partitionIndex): Described => {
        if (!mayRead) return failed(partitionIndex, kafkaErrors.TOPIC_AUTHORIZATION_FAILED);
        const key = keyOf(topic, partitionIndex);
        if (key === undefined) return failed(partitionIndex, kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION);
        if (context.replication.replica(key)?.role !== 'leader') {
          return failed(partitionIndex, kafkaErrors.NOT_LEADER_OR_FOLLOWER);
        }
        return {
          ...failed(partitionIndex, kafkaErrors.NONE),
          activeProducers: context.activeProducers(key).map((producer) => ({
            producerId: producer.producerId,
            producerEpoch: producer.producerEpoch,
            lastSequence: producer.lastSequence,
            lastTimestamp: producer.lastTimestampMs,
            coordinatorEpoch: producer.coordinatorEpoch,
            currentTxnStartOffset: producer.currentTransactionStartOffset,
          })),
        };
      }),
    };
  });
  context.answer<'describeProducers'>(requestId, { throttleTimeMs: 0, topics }, 0);
}

type Described = DescribeProducersResponse['topics'][number]['partitions'][number];

function failed(partitionIndex: number, errorCode: number): Described {
  return { partitionIndex, errorCode, errorMessage: undefined, activeProducers: [] };
}
