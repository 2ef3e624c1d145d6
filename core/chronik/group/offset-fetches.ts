import { type KafkaError, kafkaErrors } from '../../wire/kafka/error-codes.ts';
import { type OffsetFetchRequest, OffsetFetchResponse } from '../../wire/kafka/messages/group-offsets.ts';
import { type Group } from './group.ts';
import { type LedPartition, unstableKey } from './led-partition.ts';
import { type GroupClient, type GroupPort } from './port.ts';

/** From this version on a request asks for many groups (KIP-709). */
const manyGroupsFrom = 8;
/** From this version on an answer has an error of its own. */
const ownErrorFrom = 2;

/** A group's partition of `__consumer_offsets`, or why it cannot be asked for. */
export type FoundPartition =
  | { readonly kind: 'found'; readonly led: LedPartition }
  | { readonly kind: 'refused'; readonly error: KafkaError };

type AskedTopics = readonly { readonly name: string; readonly partitionIndexes: readonly number[] }[];
type FetchedGroup = OffsetFetchResponse['groups'][number];
type FetchedTopic = FetchedGroup['topics'][number];
type FetchedPartition = FetchedTopic['partitions'][number];

/** OffsetFetch: how far groups have come. */
export class OffsetFetches {
  readonly #port: GroupPort;

  constructor(port: GroupPort) {
    this.#port = port;
  }

  /** @param find a group's partition, if its groups are known here */
  answer(
    version: number,
    body: OffsetFetchRequest,
    client: GroupClient,
    find: (groupId: string) => FoundPartition,
  ): OffsetFetchResponse {
    const { requireStable } = body;
    if (version >= manyGroupsFrom) {
      const groups = body.groups.map(({ groupId, topics }) =>
        this.#fetch({ groupId, topics, requireStable }, client, find),
      );
      return OffsetFetchResponse.create({ groups });
    }
    const { groupId, topics } = body;
    const fetched = this.#fetch({ groupId, topics, requireStable }, client, find);
    if (fetched.errorCode === kafkaErrors.NONE || version >= ownErrorFrom) {
      return OffsetFetchResponse.create({ topics: fetched.topics, errorCode: fetched.errorCode });
    }
    const refused = (topics ?? []).map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partition) => nothingKnown(partition, fetched.errorCode)),
    }));
    return OffsetFetchResponse.create({ topics: refused });
  }

  #fetch(
    asked: {
      readonly groupId: string;
      readonly topics: AskedTopics | undefined;
      readonly requireStable: boolean;
    },
    client: GroupClient,
    find: (groupId: string) => FoundPartition,
  ): FetchedGroup {
    const { groupId } = asked;
    if (!this.#port.allows(client, { operation: 'DESCRIBE', resource: 'GROUP', name: groupId })) {
      return refusedGroup(groupId, 'GROUP_AUTHORIZATION_FAILED');
    }
    const found = find(groupId);
    if (found.kind === 'refused') return refusedGroup(groupId, found.error);
    const group = found.led.groups.get(groupId);
    // A group that is about to be no more has no offsets to tell.
    const known = group?.state === 'Dead' ? undefined : group;
    const topics =
      asked.topics === undefined
        ? this.#all(known, asked.requireStable, client)
        : asked.topics.map((topic) => this.#topic(known, topic, asked.requireStable, client));
    return { groupId, topics, errorCode: kafkaErrors.NONE };
  }

  /** Everything that the client may see. */
  #all(group: Group | undefined, requireStable: boolean, client: GroupClient): readonly FetchedTopic[] {
    const topics: FetchedTopic[] = [];
    for (const [name, offsets] of group?.offsets ?? []) {
      if (!this.#mayRead(client, name)) continue;
      const partitions = [...offsets.keys()].sort((left, right) => left - right);
      topics.push({ name, partitions: partitions.map((one) => fetched(group, name, one, requireStable)) });
    }
    return topics;
  }

  #topic(
    group: Group | undefined,
    { name, partitionIndexes }: AskedTopics[number],
    requireStable: boolean,
    client: GroupClient,
  ): FetchedTopic {
    const mayRead = this.#mayRead(client, name);
    return {
      name,
      partitions: partitionIndexes.map((partition) =>
        mayRead
          ? fetched(group, name, partition, requireStable)
          : nothingKnown(partition, kafkaErrors.TOPIC_AUTHORIZATION_FAILED),
      ),
    };
  }

  #mayRead(client: GroupClient, topic: string): boolean {
    return this.#port.allows(client, { operation: 'DESCRIBE', resource: 'TOPIC', name: topic });
  }
}

function fetched(
  group: Group | undefined,
  topic: string,
  partition: number,
  requireStable: boolean,
): FetchedPartition {
  // Whether the open transaction's offset counts is about to be decided: who reads on from the old one reads twice (KIP-447).
  if (requireStable && group?.unstable.has(unstableKey(topic, partition)) === true) {
    return nothingKnown(partition, kafkaErrors.UNSTABLE_OFFSET_COMMIT);
  }
  const committed = group?.offset(topic, partition)?.committed;
  if (committed === undefined) return nothingKnown(partition, kafkaErrors.NONE);
  return {
    partitionIndex: partition,
    committedOffset: committed.offset,
    committedLeaderEpoch: committed.leaderEpoch,
    metadata: committed.metadata,
    errorCode: kafkaErrors.NONE,
  };
}

function nothingKnown(partition: number, errorCode: number): FetchedPartition {
  return {
    partitionIndex: partition,
    committedOffset: -1,
    committedLeaderEpoch: -1,
    metadata: '',
    errorCode,
  };
}

function refusedGroup(groupId: string, error: KafkaError): FetchedGroup {
  return { groupId, topics: [], errorCode: kafkaErrors[error] };
}
