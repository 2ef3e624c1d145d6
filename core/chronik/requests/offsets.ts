import { usPerMs } from '../../base/units.ts';
import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type DeleteRecordsRequest,
  type DeleteRecordsResponse,
  type ListOffsetsRequest,
  type OffsetForLeaderEpochRequest,
} from '../../wire/kafka/messages/offsets.ts';
import { type IsolationLevel, type DeleteRecordsEnd } from '../replication/requests.ts';
import { errorNumber } from './errors.ts';
import { Gathering } from './gathering.ts';
import { isInternalTopic } from './internal-topics.ts';
import { type Arrival, keyOf, type RequestContext } from './context.ts';

const unknown = kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION;
/** Brokers and tools may ask for a log's very end; consumers see it only up to the high watermark. */
const consumerReplicaId = -1;

/** ListOffsets: the earliest, the latest, or the first offset at or behind a time (KIP-79). */
export function listOffsets(context: RequestContext, arrival: Arrival<ListOffsetsRequest>): void {
  const { body, client, requestId } = arrival;
  const isolation: IsolationLevel = body.isolationLevel === 1 ? 'readCommitted' : 'readUncommitted';
  const topics = body.topics.map(({ name, partitions }) => {
    const mayDescribe = context.authorization.allows(client, 'describe', 'topic', name);
    const topic = context.image.topic(name);
    return {
      name,
      partitions: partitions.map(({ partitionIndex, currentLeaderEpoch, timestamp }) => {
        const key = mayDescribe ? keyOf(topic, partitionIndex) : undefined;
        if (key === undefined) {
          const errorCode = mayDescribe ? unknown : kafkaErrors.TOPIC_AUTHORIZATION_FAILED;
          return { partitionIndex, errorCode, timestamp: -1, offset: -1, leaderEpoch: -1 };
        }
        const found = context.replication.offsetOf({
          key,
          currentLeaderEpoch,
          timestampMs: timestamp,
          isolation: body.replicaId === consumerReplicaId ? isolation : undefined,
        });
        const { error, offset, timestampMs, leaderEpoch } = found;
        return {
          partitionIndex,
          errorCode: errorNumber(error),
          timestamp: timestampMs,
          offset,
          // Versions below 4 have no field for it, and say nothing.
          leaderEpoch: arrival.version >= 4 ? leaderEpoch : -1,
        };
      }),
    };
  });
  context.answer<'listOffsets'>(requestId, { throttleTimeMs: 0, topics }, 0);
}

/** OffsetForLeaderEpoch: where an epoch ends, so that a client sees whether its log was truncated (KIP-320). */
export function offsetForLeaderEpoch(
  context: RequestContext,
  { body, client, requestId }: Arrival<OffsetForLeaderEpochRequest>,
): void {
  const topics = body.topics.map(({ topic: name, partitions }) => {
    const mayDescribe = context.authorization.allows(client, 'describe', 'topic', name);
    const topic = context.image.topic(name);
    return {
      topic: name,
      partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
        const key = mayDescribe ? keyOf(topic, partition) : undefined;
        if (key === undefined) {
          const errorCode = mayDescribe ? unknown : kafkaErrors.TOPIC_AUTHORIZATION_FAILED;
          return { errorCode, partition, leaderEpoch: -1, endOffset: -1 };
        }
        const found = context.replication.endOffsetOfEpoch({ key, currentLeaderEpoch, leaderEpoch });
        return {
          errorCode: errorNumber(found.error),
          partition,
          leaderEpoch: found.leaderEpoch,
          endOffset: found.endOffset,
        };
      }),
    };
  });
  context.answer<'offsetForLeaderEpoch'>(requestId, { throttleTimeMs: 0, topics }, 0);
}

/** DeleteRecords: everything below an offset goes, answered when every replica that is up has let go of it (KIP-107). */
export class DeleteRecordsRequests {
  readonly #context: RequestContext;
  /** By token. Bounded by replication. */
  readonly #waiting = new Map<number, (end: DeleteRecordsEnd) => void>();

  constructor(context: RequestContext) {
    this.#context = context;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  requested({ requestId, body, client }: Arrival<DeleteRecordsRequest>): void {
    const wanted = body.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, offset }) => ({ name, partitionIndex, offset })),
    );
    const gathering = new Gathering<Deleted>(wanted.length, (outcomes) => {
      this.#context.answer<'deleteRecords'>(
        requestId,
        { throttleTimeMs: 0, topics: byTopic(body, outcomes) },
        0,
      );
    });
    const deadlineUs = this.#context.nowUs + Math.max(body.timeoutMs, 0) * usPerMs;
    wanted.forEach(({ name, partitionIndex, offset }, at) => {
      const settle = ({ error, lowWatermark }: DeleteRecordsEnd): void => {
        gathering.set(at, { partitionIndex, lowWatermark, errorCode: errorNumber(error) });
      };
      const key = keyOf(this.#context.image.topic(name), partitionIndex);
      if (!this.#context.authorization.allows(client, 'delete', 'topic', name)) {
        gathering.set(at, refusedDelete(partitionIndex, kafkaErrors.TOPIC_AUTHORIZATION_FAILED));
      } else if (key === undefined) gathering.set(at, refusedDelete(partitionIndex, unknown));
      else if (isInternalTopic(name)) {
        gathering.set(at, refusedDelete(partitionIndex, kafkaErrors.INVALID_TOPIC_EXCEPTION));
      } else {
        const token = this.#context.nextToken();
        const given = { key, offset, token, deadlineUs };
        const outcome = this.#context.replication.deleteRecords(given);
        if (outcome.kind === 'ended') settle(outcome.end);
        else this.#waiting.set(token, settle);
      }
    });
  }

  recordsDeleted(token: number, end: DeleteRecordsEnd): void {
    const settle = this.#waiting.get(token);
    this.#waiting.delete(token);
    settle?.(end);
  }
}

type Deleted = DeleteRecordsResponse['topics'][number]['partitions'][number];

function refusedDelete(partitionIndex: number, errorCode: number): Deleted {
  return { partitionIndex, lowWatermark: -1, errorCode };
}

function byTopic(body: DeleteRecordsRequest, outcomes: readonly Deleted[]): DeleteRecordsResponse['topics'] {
  let at = 0;
  return body.topics.map(({ name, partitions }) => {
    const of = outcomes.slice(at, at + partitions.length);
    at += partitions.length;
    return { name, partitions: of };
  });
}
