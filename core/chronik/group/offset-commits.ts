import { type KafkaError, kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type OffsetCommitRequest,
  type OffsetDeleteRequest,
} from '../../wire/kafka/messages/group-offsets.ts';
import { type TxnOffsetCommitRequest } from '../../wire/kafka/messages/transactions.ts';
import { utf8LengthOf } from '../../base/utf8.ts';
import { type GroupClock } from './clock.ts';
import { subscribedTopics } from './consumer-protocol.ts';
import { type Group } from './group.ts';
import { type AfterAppend, type LedPartition, type PartitionsAnswer, unstableKey } from './led-partition.ts';
import { type OffsetRecord } from './offset-records.ts';
import { type OffsetsWriter } from './offsets-writer.ts';
import { type GroupClient, type GroupPort } from './port.ts';
import { type GroupParts, type Rebalances } from './rebalances.ts';
import { type GroupSettings } from './settings.ts';
import { memberOf } from './validation.ts';

/** Who commits, as far as the request says. */
interface Committer {
  readonly generation: number;
  readonly memberId: string;
  readonly instanceId: string | undefined;
}

interface TopicsOf<P> {
  readonly topics: readonly { readonly name: string; readonly partitions: readonly P[] }[];
}

interface CommittedPartition {
  readonly partitionIndex: number;
  readonly committedOffset: number;
  readonly committedLeaderEpoch: number;
  readonly committedMetadata: string | undefined;
}

/** Offsets come and go: OffsetCommit, TxnOffsetCommit (KIP-98, KIP-447), OffsetDelete (KIP-496). */
export class OffsetCommits {
  readonly #settings: GroupSettings;
  readonly #port: GroupPort;
  readonly #clock: GroupClock;
  readonly #writer: OffsetsWriter;
  readonly #rebalances: Rebalances;

  constructor(parts: GroupParts, rebalances: Rebalances) {
    this.#settings = parts.settings;
    this.#port = parts.port;
    this.#clock = parts.clock;
    this.#writer = parts.writer;
    this.#rebalances = rebalances;
  }

  commit(led: LedPartition, requestId: number, body: OffsetCommitRequest, client: GroupClient): void {
    const by = {
      generation: body.generationIdOrMemberEpoch,
      memberId: body.memberId,
      instanceId: body.groupInstanceId,
    };
    const error = this.#commitError(led, body.groupId, by);
    if (error !== 'NONE') return this.#refuse(requestId, body, error);
    const wallMs = this.#clock.wallMs ?? -1;
    const expireMs = body.retentionTimeMs >= 0 ? wallMs + body.retentionTimeMs : -1;
    const { answer, records } = this.#accept(led, body, client, { groupId: body.groupId, expireMs });
    this.#write(requestId, answer, records, (after) => this.#writer.append(led, records, after));
  }

  commitInTransaction(
    led: LedPartition,
    requestId: number,
    body: TxnOffsetCommitRequest,
    client: GroupClient,
  ): void {
    const by = { generation: body.generationId, memberId: body.memberId, instanceId: body.groupInstanceId };
    const error = this.#transactionError(led, body.groupId, by);
    if (error !== 'NONE') return this.#refuse(requestId, body, error);
    const { answer, records } = this.#accept(led, body, client, { groupId: body.groupId, expireMs: -1 });
    const producer = { id: body.producerId, epoch: body.producerEpoch };
    this.#write(requestId, answer, records, (after) =>
      this.#writer.appendTransactional(led, producer, records, after),
    );
  }

  /** Forgets offsets of a group, but those that a member of it may be about to commit. */
  delete(led: LedPartition, requestId: number, body: OffsetDeleteRequest, client: GroupClient): KafkaError {
    const group = led.groups.get(body.groupId);
    if (group === undefined || group.state === 'Dead') return 'GROUP_ID_NOT_FOUND';
    const subscribed = group.size === 0 ? new Set<string>() : subscribedTopics(group);
    if (subscribed === undefined) return 'NON_EMPTY_GROUP';
    const records: OffsetRecord[] = [];
    const answer = answerFor(body, (topic, { partitionIndex }) => {
      const error = this.#deleteError(group, { topic, partition: partitionIndex, subscribed, client });
      if (error === 'NONE') {
        const known = group.offset(topic, partitionIndex) !== undefined || group.inFlight > 0;
        const forgotten = { kind: 'offset', group: group.id, topic, partition: partitionIndex } as const;
        if (known) records.push({ ...forgotten, value: undefined });
      }
      return error;
    });
    this.#write(requestId, answer, records, (after) => this.#writer.append(led, records, after));
    return 'NONE';
  }

  #deleteError(
    group: Group,
    given: {
      readonly topic: string;
      readonly partition: number;
      readonly subscribed: ReadonlySet<string>;
      readonly client: GroupClient;
    },
  ): KafkaError {
    const { topic, partition, subscribed, client } = given;
    if (!this.#port.allows(client, { operation: 'READ', resource: 'TOPIC', name: topic })) {
      return 'TOPIC_AUTHORIZATION_FAILED';
    }
    if (!this.#port.partitionExists(topic, partition)) return 'UNKNOWN_TOPIC_OR_PARTITION';
    if (subscribed.has(topic)) return 'GROUP_SUBSCRIBED_TO_TOPIC';
    // Compaction would keep this record alone: what the transaction commits would be known here and to nobody after.
    return group.unstable.has(unstableKey(topic, partition)) ? 'UNSTABLE_OFFSET_COMMIT' : 'NONE';
  }

  /** Members commit in their generation; who is none may as long as nobody is. */
  #commitError(led: LedPartition, groupId: string, by: Committer): KafkaError {
    const group = led.groups.get(groupId);
    const isMember = by.generation >= 0 || by.memberId !== '' || by.instanceId !== undefined;
    if (group === undefined) {
      if (by.generation >= 0) return 'ILLEGAL_GENERATION';
      if (isMember) return 'UNKNOWN_MEMBER_ID';
      return led.groups.size < this.#settings.groupsPerPartitionMax ? 'NONE' : 'POLICY_VIOLATION';
    }
    if (group.state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
    if (!isMember) return group.state === 'Empty' ? 'NONE' : 'UNKNOWN_MEMBER_ID';
    const found = memberOf(group, by.memberId, by.instanceId);
    if (found.kind === 'refused') return found.error;
    if (by.generation !== group.generation) return 'ILLEGAL_GENERATION';
    this.#rebalances.touch(led, group, found.member);
    // It holds nothing in this generation yet. While others are to join, what it holds of the last one is still its own.
    return group.state === 'CompletingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE';
  }

  /** Producers before KIP-447 do not say who they are: the transaction's own epoch fences them. */
  #transactionError(led: LedPartition, groupId: string, by: Committer): KafkaError {
    const isMember = by.generation >= 0 || by.memberId !== '' || by.instanceId !== undefined;
    if (isMember) return this.#commitError(led, groupId, by);
    const group = led.groups.get(groupId);
    if (group?.state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
    if (group === undefined && led.groups.size >= this.#settings.groupsPerPartitionMax) {
      return 'POLICY_VIOLATION';
    }
    return 'NONE';
  }

  #accept(
    led: LedPartition,
    body: TopicsOf<CommittedPartition>,
    client: GroupClient,
    { groupId, expireMs }: { readonly groupId: string; readonly expireMs: number },
  ): { readonly answer: PartitionsAnswer; readonly records: readonly OffsetRecord[] } {
    const records: OffsetRecord[] = [];
    const commitMs = this.#clock.wallMs ?? -1;
    const group = led.groups.get(groupId);
    let room = this.#settings.offsetsPerGroupMax - (group?.offsetCount ?? 0) - (group?.inFlight ?? 0);
    const answer = answerFor(body, (topic, one) => {
      const error = this.#offsetError(topic, one, client);
      if (error !== 'NONE') return error;
      if (group?.offset(topic, one.partitionIndex) === undefined) {
        if (room <= 0) return 'INVALID_COMMIT_OFFSET_SIZE';
        room -= 1;
      }
      const metadata = one.committedMetadata ?? '';
      records.push({
        kind: 'offset',
        group: groupId,
        topic,
        partition: one.partitionIndex,
        value: {
          offset: one.committedOffset,
          leaderEpoch: one.committedLeaderEpoch,
          metadata,
          commitMs,
          expireMs,
        },
      });
      return 'NONE';
    });
    return { answer, records };
  }

  #offsetError(topic: string, one: CommittedPartition, client: GroupClient): KafkaError {
    if (!this.#port.allows(client, { operation: 'READ', resource: 'TOPIC', name: topic })) {
      return 'TOPIC_AUTHORIZATION_FAILED';
    }
    if (!this.#port.partitionExists(topic, one.partitionIndex)) return 'UNKNOWN_TOPIC_OR_PARTITION';
    const metadataBytes = utf8LengthOf(one.committedMetadata ?? '');
    return metadataBytes > this.#settings.offsetMetadataBytesMax ? 'OFFSET_METADATA_TOO_LARGE' : 'NONE';
  }

  /** Answers at once where there is nothing to write. */
  #write(
    requestId: number,
    answer: PartitionsAnswer,
    records: readonly OffsetRecord[],
    append: (after: AfterAppend) => KafkaError,
  ): void {
    if (records.length === 0) return this.#port.reply(requestId, answer);
    const error = append({ kind: 'answerPartitions', requestId, answer });
    if (error !== 'NONE') this.#port.reply(requestId, failed(answer, error));
  }

  #refuse(requestId: number, body: TopicsOf<{ readonly partitionIndex: number }>, error: KafkaError): void {
    this.#port.reply(requestId, refusedPartitions(body, error));
  }
}

/** The answer to a request that names partitions, with the same error for all. */
export function refusedPartitions(
  body: TopicsOf<{ readonly partitionIndex: number }>,
  error: KafkaError,
): PartitionsAnswer {
  return answerFor(body, () => error);
}

/** The same answer where what seemed well has failed. */
export function failed(answer: PartitionsAnswer, error: KafkaError): PartitionsAnswer {
  return {
    ...answer,
    topics: answer.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((one) =>
        one.errorCode === kafkaErrors.NONE ? { ...one, errorCode: kafkaErrors[error] } : one,
      ),
    })),
  };
}

function answerFor<P extends { readonly partitionIndex: number }>(
  body: TopicsOf<P>,
  errorOf: (topic: string, partition: P) => KafkaError,
): PartitionsAnswer {
  return {
    errorCode: kafkaErrors.NONE,
    throttleTimeMs: 0,
    topics: body.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((partition) => ({
        partitionIndex: partition.partitionIndex,
        errorCode: kafkaErrors[errorOf(name, partition)],
      })),
    })),
  };
}
