import { apis } from '../../../core/wire/kafka/apis.ts';
import { isRetriable, kafkaErrorOf } from '../../../core/wire/kafka/error-codes.ts';
import { type KafkaCluster } from './cluster.ts';
import { KafkaClientError, refusedBy } from './errors.ts';

/** Where to begin: at the start, at the end, or at the first record that is as new as this. */
export type Place = 'beginning' | 'end' | { readonly timestampMs: number };

const latestTimestamp = -1;
const earliestTimestamp = -2;

/** The offset of a place in a partition; where no record is as new as the timestamp, the end. */
export async function offsetOfPlace(
  cluster: KafkaCluster,
  topic: string,
  partition: number,
  place: Place,
): Promise<number> {
  const timestamp =
    place === 'beginning' ? earliestTimestamp : place === 'end' ? latestTimestamp : place.timestampMs;
  const body = apis.listOffsets.request.create({
    replicaId: -1,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp }] }],
  });
  const answer = await cluster.call({ kind: 'leader', topic, partition }, 'listOffsets', body, {
    errorOf: ({ topics }) => {
      const own = topics[0]?.partitions[0];
      if (own === undefined) throw new KafkaClientError('the answer names no partition', 'failed');
      const error = kafkaErrorOf(own.errorCode);
      if (error === 'NONE' || isRetriable(error)) return error;
      throw refusedBy(`${topic}-${partition}`, error);
    },
  });
  const offset = answer.topics[0]?.partitions[0]?.offset ?? -1;
  return offset < 0 ? offsetOfPlace(cluster, topic, partition, 'end') : offset;
}
