import { apis, type RequestOf, type ResponseOf } from '../../../core/wire/kafka/apis.ts';
import {
  ConsumerAssignment,
  consumerProtocolType,
  ConsumerSubscription,
  decodeVersioned,
  encodeVersioned,
} from '../../../core/wire/kafka/consumer-protocol.ts';
import { isRetriable, type KafkaError, kafkaErrorOf } from '../../../core/wire/kafka/error-codes.ts';
import { type KafkaCluster } from './cluster.ts';
import { KafkaClientError, refusedBy } from './errors.ts';
import { type Position } from './fetcher.ts';

export interface MembershipOptions {
  readonly group: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  /** How long the others may take to join again. */
  readonly rebalanceTimeoutMs: number;
}

export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** What both sides of the protocol have in all their versions. */
const subscriptionVersion = 1;
const assignmentVersion = 1;
const protocolName = 'range';
/** Rounds of joining that others may interrupt. */
const roundsMax = 50;

/** After these a member joins again, as another one after the last two. */
const rejoining: ReadonlySet<KafkaError> = new Set<KafkaError>([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
]);

type JoinAnswer = ResponseOf<'joinGroup'>;

/** A place in a group of consumers, in the classic protocol with the assignor `range`. */
export class GroupMembership {
  readonly #cluster: KafkaCluster;
  readonly #options: MembershipOptions;
  #memberId = '';
  #generation = -1;

  constructor(cluster: KafkaCluster, options: MembershipOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /** Joins, or joins again; what this member is to read then. */
  async join(): Promise<readonly TopicPartitions[]> {
    for (let round = 0; round < roundsMax; round += 1) {
      const joined = await this.#joinOnce();
      if (joined === 'again') continue;
      const assigned = await this.#sync(joined);
      if (assigned !== 'again') return assigned;
    }
    throw new KafkaClientError(`group ${this.#options.group} does not come to rest`, 'failed');
  }

  /** False: the group shares out anew, and this member is to join again. */
  async heartbeat(): Promise<boolean> {
    const answer = await this.#ask(
      'heartbeat',
      apis.heartbeat.request.create({
        groupId: this.#options.group,
        generationId: this.#generation,
        memberId: this.#memberId,
      }),
    );
    return this.#stays(kafkaErrorOf(answer.errorCode));
  }

  /** Stores how far this member has come. False: it may not any more, and is to join again. */
  async commit(positions: readonly Position[]): Promise<boolean> {
    if (positions.length === 0) return true;
    const body = apis.offsetCommit.request.create({
      groupId: this.#options.group,
      generationIdOrMemberEpoch: this.#generation,
      memberId: this.#memberId,
      topics: byTopic(positions).map(({ topic, own }) => ({
        name: topic,
        partitions: own.map(({ partition, offset }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedMetadata: '',
        })),
      })),
    });
    const answer = await this.#cluster.call(this.#coordinator, 'offsetCommit', body, {
      errorOf: (given) => tolerated(commitError(given)),
    });
    return this.#stays(commitError(answer));
  }

  /** Positions that the group has stored, −1 where it has none. */
  async committed(assigned: readonly TopicPartitions[]): Promise<readonly Position[]> {
    return committedOffsets(this.#cluster, this.#options.group, assigned);
  }

  /** The others need not wait for the session to end. */
  async leave(): Promise<void> {
    if (this.#memberId === '') return;
    const body = apis.leaveGroup.request.create({ groupId: this.#options.group, memberId: this.#memberId });
    this.#memberId = '';
    await this.#cluster.call(this.#coordinator, 'leaveGroup', body, {
      versionMax: 2,
      errorOf: ({ errorCode }) => tolerated(kafkaErrorOf(errorCode)),
    });
  }

  get #coordinator() {
    return { kind: 'group', id: this.#options.group } as const;
  }

  async #joinOnce(): Promise<JoinAnswer | 'again'> {
    const { group, topics, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options;
    const metadata = encodeVersioned(
      ConsumerSubscription,
      ConsumerSubscription.create({ topics: [...topics] }),
      subscriptionVersion,
    );
    const body = apis.joinGroup.request.create({
      groupId: group,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      memberId: this.#memberId,
      protocolType: consumerProtocolType,
      protocols: [{ name: protocolName, metadata }],
    });
    const answer = await this.#cluster.call(this.#coordinator, 'joinGroup', body, {
      waitMs: rebalanceTimeoutMs,
      errorOf: ({ errorCode }) => {
        const error = kafkaErrorOf(errorCode);
        return error === 'MEMBER_ID_REQUIRED' ? 'NONE' : tolerated(error);
      },
    });
    const error = kafkaErrorOf(answer.errorCode);
    if (error === 'MEMBER_ID_REQUIRED') {
      // The id comes first, so that one who never returns leaves no place behind (KIP-394).
      this.#memberId = answer.memberId;
      return 'again';
    }
    if (!this.#stays(error)) return 'again';
    this.#memberId = answer.memberId;
    this.#generation = answer.generationId;
    return answer;
  }

  async #sync(joined: JoinAnswer): Promise<readonly TopicPartitions[] | 'again'> {
    const assignments = joined.leader === joined.memberId ? await this.#shareOut(joined) : [];
    const answer = await this.#ask(
      'syncGroup',
      apis.syncGroup.request.create({
        groupId: this.#options.group,
        generationId: this.#generation,
        memberId: this.#memberId,
        protocolType: consumerProtocolType,
        protocolName,
        assignments,
      }),
    );
    if (!this.#stays(kafkaErrorOf(answer.errorCode))) return 'again';
    if (answer.assignment.length === 0) return [];
    return decodeVersioned(ConsumerAssignment, answer.assignment).assignedPartitions;
  }

  async #shareOut({ members }: JoinAnswer): Promise<{ memberId: string; assignment: Uint8Array }[]> {
    const subscriptions = members.map(({ memberId, metadata }) => ({
      memberId,
      topics: decodeVersioned(ConsumerSubscription, metadata).topics,
    }));
    const topics = [...new Set(subscriptions.flatMap((one) => one.topics))];
    const counts = new Map<string, number>();
    for (const topic of topics) counts.set(topic, (await this.#cluster.topic(topic)).partitions.length);
    return [...rangeAssignment(subscriptions, counts)].map(([memberId, assignedPartitions]) => ({
      memberId,
      assignment: encodeVersioned(
        ConsumerAssignment,
        ConsumerAssignment.create({ assignedPartitions }),
        assignmentVersion,
      ),
    }));
  }

  #ask<A extends 'heartbeat' | 'syncGroup'>(api: A, body: RequestOf<A>): Promise<ResponseOf<A>> {
    return this.#cluster.call(this.#coordinator, api, body, {
      waitMs: this.#options.rebalanceTimeoutMs,
      errorOf: ({ errorCode }: { readonly errorCode: number }) => tolerated(kafkaErrorOf(errorCode)),
    });
  }

  #stays(error: KafkaError): boolean {
    if (!rejoining.has(error)) return true;
    // Whom the coordinator does not know comes as somebody new.
    if (error !== 'REBALANCE_IN_PROGRESS') this.#memberId = '';
    return false;
  }
}

function tolerated(error: KafkaError): KafkaError {
  return rejoining.has(error) ? 'NONE' : error;
}

/** The first error of an answer. */
function commitError({ topics }: ResponseOf<'offsetCommit'>): KafkaError {
  const errors = topics.flatMap(({ partitions }) =>
    partitions.map(({ errorCode }) => kafkaErrorOf(errorCode)),
  );
  return errors.find((error) => error !== 'NONE') ?? 'NONE';
}

export function byTopic<T extends { readonly topic: string }>(
  items: readonly T[],
): readonly { readonly topic: string; readonly own: readonly T[] }[] {
  return [...new Set(items.map(({ topic }) => topic))].map((topic) => ({
    topic,
    own: items.filter((item) => item.topic === topic),
  }));
}

/**
 * Of each topic every member that has subscribed to it gets a run of partitions, the first members one more where they do
 * not divide evenly. Members are ordered by id, so that everybody would come to the same.
 */
export function rangeAssignment(
  members: readonly { readonly memberId: string; readonly topics: readonly string[] }[],
  partitionCounts: ReadonlyMap<string, number>,
): ReadonlyMap<string, TopicPartitions[]> {
  const sorted = [...members].sort((left, right) => (left.memberId < right.memberId ? -1 : 1));
  const assignment = new Map<string, TopicPartitions[]>(sorted.map(({ memberId }) => [memberId, []]));
  for (const [topic, count] of partitionCounts) {
    const readers = sorted.filter(({ topics }) => topics.includes(topic));
    const each = Math.floor(count / readers.length);
    const more = count % readers.length;
    let next = 0;
    for (const [at, { memberId }] of readers.entries()) {
      const own = each + (at < more ? 1 : 0);
      const partitions = Array.from({ length: own }, (_, position) => next + position);
      next += own;
      if (own > 0) assignment.get(memberId)?.push({ topic, partitions });
    }
  }
  return assignment;
}

/** Offsets that a group has stored, −1 where it has none; of all partitions that it has any of, unless some are named. */
export async function committedOffsets(
  cluster: KafkaCluster,
  group: string,
  asked: readonly TopicPartitions[] | undefined,
): Promise<readonly Position[]> {
  const body = apis.offsetFetch.request.create({
    groupId: group,
    topics: asked?.map(({ topic, partitions }) => ({ name: topic, partitionIndexes: [...partitions] })),
  });
  const answer = await cluster.call({ kind: 'group', id: group }, 'offsetFetch', body, {
    versionMax: 7,
    errorOf: ({ errorCode, topics }) => {
      const errors = topics.flatMap(({ partitions }) => partitions.map((one) => kafkaErrorOf(one.errorCode)));
      const error = [kafkaErrorOf(errorCode), ...errors].find((one) => one !== 'NONE') ?? 'NONE';
      if (error === 'NONE' || isRetriable(error)) return error;
      throw refusedBy(`group ${group}`, error);
    },
  });
  return answer.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, committedOffset }) => ({
      topic: name,
      partition: partitionIndex,
      offset: committedOffset,
    })),
  );
}
